"""Every example in a docstring runs and gives what it says."""

import doctest
import importlib
import pkgutil

import pytest

import keras_astro
import keras_astro.exports
import keras_astro.tuning


def modules():
    names = {
        found.name
        for package in (keras_astro, keras_astro.exports, keras_astro.tuning)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    }
    return sorted(names)


@pytest.mark.parametrize("name", modules())
def test_examples(name):
    module = importlib.import_module(name)
    result = doctest.testmod(
        module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    assert result.failed == 0, f"{name}: {result.failed} examples failed"


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    count = sum(
        len(test.examples)
        for name in modules()
        for test in finder.find(importlib.import_module(name))
    )
    assert count > 60

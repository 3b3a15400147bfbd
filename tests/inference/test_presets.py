"""Presets: found by name, whole, small, and with the recipe that made them."""

import pytest

from keras_astro.errors import UsageError
from keras_astro.inference.manifest import read_manifest
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.presets import preset_files, recipe, resolve_preset
from keras_astro.tasks.catalog import load_config

NAMES = sorted(preset_files())


def test_presets_are_there():
    assert {"alerts", "lensing", "stellar"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_preset_is_small_verified_and_trained_by_its_recipe(name):
    path = resolve_preset(f"preset:{name}")
    assert path.stat().st_size <= 2_000_000
    manifest = read_manifest(path)
    assert (manifest["task"], manifest["quantization"]) == (name, "float16")
    assert manifest["metrics"]
    assert load_config(str(recipe(name))).digest() == manifest["run_sha256"]
    assert "predict" in open_predictor(path).signatures


def test_unknown_presets_are_one_error(refused):
    words = "preset:lensin", "did you mean preset:lensing?"
    with refused(UsageError, *words, hint="kastro tasks"):
        resolve_preset("preset:lensin")

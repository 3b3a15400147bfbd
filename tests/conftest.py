"""Shared fixtures: quiet TensorFlow, real data where a checkout has it."""

import contextlib
import importlib.util
import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="store the numbers of tests/golden anew instead of comparing with them",
    )


@pytest.fixture(scope="session")
def update_golden(request):
    """Whether golden references are to be written instead of compared."""
    return request.config.getoption("--update-golden")


def pytest_sessionstart(session):
    if importlib.util.find_spec("keras_astro.tuning") is None:
        pytest.exit("keras_astro.tuning is not importable: run pip install -e .", 2)


@pytest.fixture(scope="session")
def root():
    """The repository root."""
    return ROOT


@pytest.fixture(scope="session")
def slc():
    """Folder of the real strong-lensing images (train.zip, validation.zip)."""
    folder = SHARED / "slc"
    if not folder.is_dir():
        pytest.skip("real lens images (shared/data/slc) are not beside this checkout")
    return folder


@pytest.fixture
def refused():
    """Context that expects this very kind of error, of one line, with given words."""

    @contextlib.contextmanager
    def expect(kind, *words, hint=None):
        with pytest.raises(kind) as caught:
            yield caught
        message = str(caught.value)
        assert type(caught.value) is kind
        assert "\n" not in message
        for word in words:
            assert str(word) in message
        if hint is not None:
            assert hint in (caught.value.hint or "")

    return expect

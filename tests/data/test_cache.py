import pytest

from keras_astro.data.cache import cache_folder, cached_store
from keras_astro.data.schemas import LENSING
from keras_astro.data.store import StoreSource
from keras_astro.errors import DataError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KASTRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_folder_follows_the_variable(folder, monkeypatch):
    assert cache_folder() == folder
    monkeypatch.delenv("KASTRO_CACHE")
    assert cache_folder().name == "keras-astro"


def test_made_once_and_reused(folder, make_sample):
    made = []

    def make():
        made.append(1)
        return [make_sample(5)]

    path, new = cached_store("lensing", {"a": 1, "b": 2}, seed=1, make=make)
    again, anew = cached_store("lensing", {"b": 2, "a": 1}, seed=1, make=make)
    assert (path, new, anew, len(made)) == (again, True, False, 1)
    source = StoreSource(path, LENSING)
    assert len(source) == 5
    assert source.attributes["generator"] == "simulate.lensing"


@pytest.mark.parametrize(
    "other", [("spectra", {"a": 1}, 1), ("lensing", {"a": 2}, 1), ("lensing", {}, 2)]
)
def test_other_settings_are_other_files(folder, make_sample, other):
    make = lambda: [make_sample(2)]
    path, _ = cached_store("lensing", {"a": 1}, seed=1, make=make)
    task, config, seed = other
    second, new = cached_store(task, config, seed=seed, make=make)
    assert new
    assert second != path


def test_failed_making_leaves_nothing_to_reuse(folder, make_sample):
    def fails():
        yield make_sample(3)
        raise ArithmeticError("no lens")

    with pytest.raises(ArithmeticError):
        cached_store("lensing", {}, seed=1, make=fails)
    assert list(folder.iterdir()) == []
    path, new = cached_store("lensing", {}, seed=1, make=lambda: [make_sample(3)])
    assert new
    assert len(StoreSource(path, LENSING)) == 3


def test_cache_that_is_a_file_is_refused(folder, make_sample, refused):
    folder.write_text("x")
    with refused(DataError, folder, "cannot be written", hint="disk space"):
        cached_store("lensing", {}, seed=1, make=lambda: [make_sample(3)])

import os

import numpy as np
import pytest

from keras_astro.data.gather import check_held, gather, release, spread
from keras_astro.data.sample import MemorySource, Sample
from keras_astro.data.schemas import LENSING
from keras_astro.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KASTRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def blocks():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 3, 2)).astype("float32") for n in (5, 5, 2)]


def test_a_file_holds_what_the_memory_would(cache):
    held, filed = (gather(blocks(), 12, limit_mb=limit) for limit in (1, 0))
    assert type(held) is np.ndarray
    assert isinstance(filed, np.memmap)
    np.testing.assert_array_equal(held, np.concatenate(blocks()))
    np.testing.assert_array_equal(filed, held)
    release(filed)
    np.testing.assert_array_equal(filed[[11, 0]], held[[11, 0]])
    # It has no name that a kill could leave behind.
    assert list(cache.iterdir()) == []


def test_the_limit_is_in_megabytes():
    rows = [np.zeros((250, 1000), "float32")]
    assert type(gather(rows, 250, limit_mb=1)) is np.ndarray
    assert isinstance(gather(rows, 250, limit_mb=0.999), np.memmap)


def test_a_full_disk_is_told_before_a_row_is_written(monkeypatch, refused):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("os.posix_fallocate", full)
    with refused(DataError, "do not fit", "No space left", hint="KASTRO_CACHE"):
        gather(blocks(), 12, limit_mb=0)


def test_what_can_only_be_held_is_refused_with_the_way_out(refused):
    check_held(1000, 1000, limit_mb=1, task="cgm")
    words = "1001 rows", "1 kB", "data.memory_limit_mb = 1"
    with refused(ConfigError, *words, hint="data.memory_limit_mb=2"):
        check_held(1001, 1000, limit_mb=1, task="cgm")


def test_few_rows_are_left_as_they_are():
    rows = MemorySource(Sample(LENSING, {"image": np.zeros((4, 2, 2, 1))}))
    assert spread(rows, 4) is rows
    assert spread(rows, 2).read().meta["id"].tolist() == ["0", "3"]

"""Coordinates that all rows share: kept by samples, stores and joined sources."""

import dataclasses

import h5py
import numpy as np
import pytest

from keras_astro.data.readers.open import Joined
from keras_astro.data.sample import (
    Field,
    MemorySource,
    Sample,
    Schema,
    Subset,
    concatenate,
)
from keras_astro.data.store import StoreSource, store_task, write_store
from keras_astro.errors import DataError

SCHEMA = Schema(
    "spectra",
    (Field("flux", ("pixel",), optional=False),),
    axes=(Field("wavelength_angstrom", ("pixel",), units="Angstrom"),),
)
GRID = np.linspace(1200, 1300, 5)
FACTS = {"generator": "test", "config": {}, "seed": 0}


def spectra(rows=6, grid=GRID, name="a.h5"):
    flux = np.arange(rows * 5, dtype="float32").reshape(rows, 5)
    ids = np.char.add(f"{name}-", np.arange(rows).astype(str))
    axes = {"wavelength_angstrom": grid}
    return Sample(SCHEMA, {"flux": flux}, {}, {"id": ids}, name=name, axes=axes)


@pytest.fixture
def store(tmp_path):
    write_store(tmp_path / "a.h5", [spectra(4), spectra(2)], **FACTS)
    return tmp_path / "a.h5"


def test_chosen_rows_keep_the_axes():
    sample = spectra()
    subset = Subset(MemorySource(sample), [4, 1])
    for found in (sample.take([2]), sample.rows(0, 2), subset.take([0])):
        np.testing.assert_array_equal(found.axes["wavelength_angstrom"], GRID)
    assert subset.take([0]).inputs["flux"][0, 0] == 20


def test_a_store_holds_the_axes_once_with_units(store):
    with h5py.File(store) as file:
        assert file["axes/wavelength_angstrom"].shape == (5,)
        assert file["axes/wavelength_angstrom"].attrs["units"] == "Angstrom"
    found = StoreSource(store, SCHEMA).take([5, 0])
    np.testing.assert_array_equal(found.axes["wavelength_angstrom"], GRID)
    assert found.inputs["flux"].shape == (2, 5)
    assert store_task(store) == "spectra"


def test_files_that_are_no_store_have_no_task(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["spectra"] = np.ones((2, 3))
    for name in ("a.txt", "b.h5", "absent.h5"):
        assert store_task(tmp_path / name) is None


def test_rows_on_other_coordinates_are_refused(tmp_path, refused):
    other = spectra(2, GRID + 1, name="b.h5")
    bare = dataclasses.replace(other, axes={})
    for second, words in ((other, "other values"), (bare, "none")):
        with refused(DataError, "b.h5", "wavelength_angstrom of a.h5", words):
            concatenate([spectra(), second])
        with refused(DataError, "wavelength_angstrom", words, hint="Resample"):
            write_store(tmp_path / "c.h5", [spectra(), second], **FACTS)
        with refused(DataError, "wavelength_angstrom", words):
            Joined([MemorySource(spectra()), MemorySource(second)])
    assert not (tmp_path / "c.h5").exists()


def test_an_axis_of_two_dimensions_is_refused(refused):
    with refused(DataError, "axes/wavelength_angstrom should have axes (pixel)"):
        spectra(grid=GRID[None])

"""Spectra from every format: one grid, masks, errors, and what is refused."""

import sys
from types import SimpleNamespace

import astropy.units as u
import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import StdDevUncertainty
from astropy.table import Table

from keras_astro.data.readers import open_many, open_source
from keras_astro.data.readers.spectra import open_spectra
from keras_astro.data.readers.spectrum_rows import CHALLENGE_PIXELS
from keras_astro.data.readers.specutils import from_specutils
from keras_astro.data.sample import Sample
from keras_astro.data.schemas import CGM, LENSING
from keras_astro.data.store import write_store
from keras_astro.errors import DataError

WAVELENGTH = np.linspace(1200.0, 1300.0, 50)
RNG = np.random.default_rng(0)
FLUX = RNG.random((4, 50))


def write_h5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def test_challenge_layout_is_read_row_by_row_as_float32(tmp_path):
    flux = np.ones((3, CHALLENGE_PIXELS))
    flux[1] *= 0.5
    path = write_h5(tmp_path / "train.h5", spectra=flux)
    source = open_source(path, CGM)
    sample = source.take([2, 1])
    assert sample.inputs["flux"].dtype == np.float32
    assert sample.inputs["flux"][:, 0].tolist() == [1.0, 0.5]
    assert sample.meta["id"].tolist() == ["2", "1"]
    grid = sample.axes["wavelength_angstrom"]
    assert (grid[0], grid[-1]) == (pytest.approx(900.01), pytest.approx(2099.2))


def test_hdf5_with_wavelengths_errors_and_truth(tmp_path):
    error = np.full(FLUX.shape, 0.5)
    error[0, :3] = [0.0, -1.0, np.nan]
    path = write_h5(
        tmp_path / "a.h5",
        flux=FLUX,
        wavelength=WAVELENGTH,
        error=error,
        metallicity=np.arange(4.0),
        id=np.array([b"a", b"b", b"c", b"d"]),
    )
    sample = open_source(path, CGM).read()
    assert sample.inputs["ivar"][0, :4].tolist() == [0.0, 0.0, 0.0, 4.0]
    assert sample.targets["metallicity"].tolist() == [0, 1, 2, 3]
    assert sample.meta["id"].tolist() == ["a", "b", "c", "d"]
    assert np.array_equal(sample.axes["wavelength_angstrom"], WAVELENGTH)


def test_missing_errors_are_no_crash_and_nan_pixels_become_mask(tmp_path):
    flux = FLUX.copy()
    flux[1, 7] = np.nan
    np.savez(tmp_path / "a.npz", flux=flux, loglam=np.log10(WAVELENGTH))
    sample = open_source(tmp_path / "a.npz", CGM).read()
    assert "ivar" not in sample.inputs
    assert np.argwhere(sample.inputs["mask"]).tolist() == [[1, 7]]
    assert np.isfinite(sample.inputs["flux"]).all()
    assert np.allclose(sample.axes["wavelength_angstrom"], WAVELENGTH)


def write_x1d(path, shift=0.0):
    """Two detector segments as vectors, the red one first, with a continuum."""
    order = [slice(25, 50), slice(0, 25)]
    table = Table(
        {
            "WAVELENGTH": [WAVELENGTH[s] + shift for s in order],
            "FLUX": [2.0 * FLUX[0][s] for s in order],
            "ERROR": [np.full(25, 0.2)] * 2,
            "DQ": [np.array([8] + [0] * 24)] * 2,
            "CONTINUUM": [np.full(25, 2.0)] * 2,
        }
    )
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(table)]).writeto(path)
    return path


def test_segments_are_joined_and_the_continuum_divided_out(tmp_path):
    sample = open_source(write_x1d(tmp_path / "x1d.fits"), CGM).read()
    assert np.allclose(sample.inputs["flux"], FLUX[:1], atol=1e-6)
    assert np.allclose(sample.inputs["ivar"], 100.0)
    assert np.flatnonzero(sample.inputs["mask"][0]).tolist() == [0, 25]
    assert sample.meta["id"].tolist() == ["x1d"]


@pytest.mark.parametrize("unit", ["Angstroms", "nm", "um", "THz", None])
def test_tables_say_the_unit_of_their_wavelengths(tmp_path, unit):
    column = WAVELENGTH
    if unit in ("nm", "um", "THz"):
        column = (WAVELENGTH * u.AA).to_value(unit, equivalencies=u.spectral())
    table = fits.BinTableHDU(Table({"wavelength": column, "flux": FLUX[0]}))
    if unit:
        table.header["TUNIT1"] = unit
    table.writeto(tmp_path / "a.fits")
    sample = open_source(tmp_path / "a.fits", CGM).read()
    assert np.allclose(sample.axes["wavelength_angstrom"], WAVELENGTH)
    assert np.allclose(sample.inputs["flux"], FLUX[:1])


def test_a_unit_of_something_else_is_refused(tmp_path, refused):
    path = tmp_path / "a.fits"
    Table({"WAVE": WAVELENGTH * u.kg, "FLUX": FLUX[0]}).write(path)
    with refused(DataError, path, "WAVE", "kg", hint="TUNIT"):
        open_source(path, CGM)


def test_a_folder_of_tables_is_rows_and_other_grids_are_set_aside(tmp_path):
    columns = {"LOGLAM": np.log10(WAVELENGTH), "flux": FLUX[1], "ivar": np.ones(50)}
    Table(columns).write(tmp_path / "b.fits")
    write_x1d(tmp_path / "a.fits")
    write_x1d(tmp_path / "c.fits", shift=0.5)
    (tmp_path / "d.fits").write_bytes(b"no fits at all")
    source = open_source(tmp_path, CGM, on_bad="quarantine")
    assert source.read().meta["id"].tolist() == ["a", "b"]
    assert [name for name, _ in source.quarantined] == ["c.fits", "d.fits"]
    assert "grid of the other files" in source.quarantined[0][1]
    with pytest.raises(DataError, match=r"c\.fits: expected the grid"):
        open_source(tmp_path, CGM)


def test_errors_that_some_files_lack_are_not_made_up(tmp_path):
    Table({"WAVE": WAVELENGTH, "FLUX": FLUX[1]}).write(tmp_path / "b.fits")
    write_x1d(tmp_path / "a.fits")
    inputs = open_source(tmp_path, CGM).read().inputs
    assert "ivar" not in inputs
    assert inputs["mask"].sum() == 2


def test_stores_and_other_files_join_on_one_grid(tmp_path):
    axes = {"wavelength_angstrom": WAVELENGTH}
    sample = Sample(CGM, {"flux": FLUX.astype("float32")}, axes=axes)
    write_store(tmp_path / "s.h5", [sample], generator="test", config={}, seed=0)
    np.savez(tmp_path / "a.npz", flux=FLUX, wavelength=WAVELENGTH)
    joined = open_many([tmp_path / "s.h5", tmp_path / "a.npz"], CGM)
    assert len(joined) == 8
    assert np.array_equal(joined.read().axes["wavelength_angstrom"], WAVELENGTH)
    np.savez(tmp_path / "b.npz", flux=FLUX, wavelength=WAVELENGTH + 1)
    with pytest.raises(DataError):
        open_many([tmp_path / "s.h5", tmp_path / "b.npz"], CGM)


def test_specutils_spectra_in_any_unit_and_order():
    frequency = (WAVELENGTH * u.AA).to(u.THz, equivalencies=u.spectral())
    spectrum = SimpleNamespace(
        flux=FLUX[:2] * u.one,
        spectral_axis=frequency,
        uncertainty=StdDevUncertainty(np.full((2, 50), 0.5)),
        mask=np.arange(50) == 3,
    )
    sample = from_specutils(spectrum, CGM)
    assert np.allclose(sample.axes["wavelength_angstrom"], WAVELENGTH)
    assert np.allclose(sample.inputs["flux"], FLUX[:2], atol=1e-6)
    assert np.allclose(sample.inputs["ivar"], 4.0)
    assert sample.inputs["mask"].sum() == 2
    # A frequency axis that decreases is a wavelength axis that increases.
    spectrum.spectral_axis, spectrum.flux = frequency[::-1], FLUX[:2, ::-1] * u.one
    again = from_specutils(spectrum, CGM)
    assert np.allclose(again.inputs["flux"], FLUX[:2], atol=1e-6)


def test_files_of_other_formats_are_read_where_specutils_is(
    tmp_path, monkeypatch, refused
):
    path = tmp_path / "night.ecsv"
    path.write_text("whatever")
    monkeypatch.setitem(sys.modules, "specutils", None)
    with refused(DataError, ".ecsv", hint="specutils"):
        open_spectra(path, CGM)

    def read(name):
        if not name.endswith("night.ecsv"):
            raise OSError("no reader")
        return SimpleNamespace(flux=FLUX[0] * u.one, spectral_axis=WAVELENGTH * u.AA)

    known = SimpleNamespace(Spectrum=SimpleNamespace(read=read))
    monkeypatch.setitem(sys.modules, "specutils", known)
    sample = open_spectra(path, CGM).read()
    assert np.allclose(sample.inputs["flux"], FLUX[:1], atol=1e-6)
    assert sample.meta["id"].tolist() == ["night"]
    other = tmp_path / "other.fits"
    other.write_text("whatever")
    with refused(DataError, "other.fits"):
        open_spectra(other, CGM)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"flux": FLUX}, "wavelength"),
        ({"flux": FLUX, "wavelength": WAVELENGTH[::-1]}, "increasing"),
        ({"flux": FLUX, "wavelength": WAVELENGTH[:9]}, "50 pixels"),
        ({"wavelength": WAVELENGTH}, "flux or spectra"),
        ({"flux": FLUX, "wavelength": WAVELENGTH, "ivar": FLUX[:2]}, "ivar"),
        ({"flux": FLUX[None], "wavelength": WAVELENGTH}, "shape"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, refused, arrays, words):
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with refused(DataError, path, words):
        open_source(path, CGM)


def test_tables_without_a_spectrum_and_truncated_files_are_named(tmp_path, refused):
    path = tmp_path / "bad.fits"
    Table({"TIME": [1.0], "FLUX": [1.0]}).write(path)
    with refused(DataError, path, "WAVELENGTH"):
        open_source(path, CGM)
    good = write_x1d(tmp_path / "good.fits").read_bytes()
    path.write_bytes(good[: len(good) - 3000])
    with refused(DataError, path, "truncated"):
        open_source(path, CGM)


def test_empty_folders_and_unknown_suffixes_are_refused(tmp_path, refused):
    with refused(DataError, tmp_path, "FITS", hint="a folder with .fits files"):
        open_source(tmp_path, CGM)
    path = tmp_path / "a.txt"
    path.write_text("1 2 3")
    with refused(DataError, path, ".txt"):
        open_source(path, CGM)


def test_rows_of_one_object_stay_together_where_the_file_says_so(tmp_path):
    arrays = {"flux": FLUX, "wavelength": WAVELENGTH}
    np.savez(tmp_path / "a.npz", group=["x", "x", "y", "y"], **arrays)
    write_h5(tmp_path / "a.h5", group=[b"x", b"x", b"y", b"y"], **arrays)
    for name in ("a.npz", "a.h5"):
        source = open_source(tmp_path / name, CGM)
        assert source.facts()["group"].tolist() == ["x", "x", "y", "y"]
        assert source.take([2, 0]).meta["group"].tolist() == ["y", "x"]
    np.savez(tmp_path / "b.npz", image=np.ones((2, 4, 4, 1)), group=[7, 7])
    found = open_source(tmp_path / "b.npz", LENSING)
    assert found.facts()["group"].tolist() == ["7", "7"]

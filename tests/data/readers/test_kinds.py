"""The case that a file is for, told by what is in it."""

import h5py
import numpy as np
import pytest
from astropy.io import fits

from keras_astro.data.readers.kinds import likely_task, task_of_arrays

CUTOUTS = np.zeros((4, 9, 9, 3), "f4")
SPECTRA = np.ones((4, 30), "f4")
GRID = np.linspace(5000.0, 5100.0, 30)
WORDS = np.array(["SN", "AGN", "VS", "bogus"])
FOUND = {
    "alerts": [
        {"stamps": CUTOUTS},
        {"images": CUTOUTS, "labels": WORDS},
        {"images": np.moveaxis(CUTOUTS, -1, 1), "labels": np.arange(4)},
        {"images": CUTOUTS, "oid": WORDS},
    ],
    "lensing": [
        {"images": CUTOUTS, "label": np.arange(4)},
        {"image": CUTOUTS[..., 0]},
        {"something": np.zeros(3)},
    ],
    "galaxies": [{"img": CUTOUTS[..., :1], "psf_fwhm": np.ones(4)}],
    "stellar": [
        {"flux": SPECTRA, "wavelength": GRID},
        {"flux": SPECTRA, "loglam": GRID, "teff_kelvin": np.ones(4)},
    ],
    "cgm": [
        {"flux": SPECTRA, "wavelength": GRID, "log_hydrogen": np.ones(4)},
        {"spectra": np.ones((1, 39_974), "f4")},
    ],
}


@pytest.mark.parametrize(
    ("task", "arrays"), [(task, a) for task, many in FOUND.items() for a in many]
)
@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_arrays(tmp_path, task, arrays, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".npz":
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                text = array.dtype.kind == "U"
                file[name] = array.astype(object) if text else array
    found, reason = likely_task(path)
    assert found == task == task_of_arrays(arrays)[0]
    assert reason


def test_fits(tmp_path):
    image, table, row, star = (tmp_path / f"{n}.fits" for n in ("i", "t", "r", "s"))
    fits.writeto(image, np.ones((9, 9), "f4"))
    columns = {"WAVE": GRID, "FLUX": SPECTRA[0]}
    fits.writeto(table, np.rec.fromarrays(columns.values(), names=list(columns)))
    fits.writeto(row, SPECTRA[0])
    header = fits.Header({"PSF_FWHM": 0.7})
    fits.writeto(star, np.ones((9, 9), "f4"), header)
    found = [likely_task(path)[0] for path in (image, table, row, star)]
    assert found == ["lensing", "stellar", "stellar", "galaxies"]


def test_packets_stores_and_what_cannot_be_read(tmp_path, packets):
    folder = tmp_path / "night"
    folder.mkdir()
    (folder / "a.avro").write_bytes(packets.container())
    assert likely_task(folder) == ("alerts", "Avro packets")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["task"] = "cgm"
    assert likely_task(tmp_path / "a.h5") == ("cgm", "")
    for name in ("a.npz", "b.h5", "c.fits", "d.npy", "absent"):
        if name != "absent":
            (tmp_path / name).write_bytes(b"nothing")
        assert likely_task(tmp_path / name)[0] == "lensing"

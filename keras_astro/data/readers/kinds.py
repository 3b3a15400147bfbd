"""Which science case a file is for, told by the names and shapes of what is in it."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np

from keras_astro.data.readers.arrays import LABEL_NAMES
from keras_astro.data.readers.galaxy_header import FWHM_KEYS
from keras_astro.data.readers.spectra import FITS_SUFFIXES
from keras_astro.data.readers.spectrum_rows import (
    CHALLENGE_PIXELS,
    FLUX,
    LOG_WAVELENGTH,
    WAVELENGTH,
)
from keras_astro.data.store import store_task

# What only one case has beside its images or spectra.
ALERT_NAMES = ("stamps", "triplets", "oid", "objectId", "candid", "diaObjectId")
GALAXY_NAMES = ("psf_fwhm", "psf_fwhm_arcsec", "fwhm", "psf_image", "noise_sigma")
STAR_NAMES = ("teff_kelvin", "logg_dex", "metallicity_dex", "vsini_kms", "rv_kms")
ABSORBER_NAMES = ("log_hydrogen", "log_density", "log_H_I", "noise_mse")

IMAGES = "lensing", "images"
SPECTRA = "spectra; those of quasars are --task cgm"


def likely_task(path: Path) -> tuple[str, str]:
    """The case that a file or folder is most likely for, and why.

    Nothing but names and shapes is read. What is damaged or says nothing counts as
    images of lenses, whose reader then says what is wrong.

    Args:
        path: Data of any format.

    Returns:
        Name of the task, and what it was told by; empty where a store says it itself.

    Raises:
        DataError: If a store is damaged.
    """
    task = store_task(path)
    if task:
        return task, ""
    files = _files(path)
    if any(name.endswith(".avro") for name in files):
        return "alerts", "Avro packets"
    if any(name.endswith(FITS_SUFFIXES) for name in files):
        return _of_fits(path)
    return task_of_arrays(_arrays(path))


def task_of_arrays(arrays: Mapping[str, Any]) -> tuple[str, str]:
    """The same of arrays by name, of which only shapes and types are looked at.

    Images of three channels are stamps where their labels are text or their channels
    come first; lenses in three bands have neither.

    Example:
        >>> task_of_arrays({"images": np.zeros((9, 3, 21, 21))})
        ('alerts', 'images of three channels')
    """
    for task, names in (
        ("alerts", ALERT_NAMES),
        ("galaxies", GALAXY_NAMES),
        ("stellar", STAR_NAMES),
        ("cgm", ABSORBER_NAMES),
    ):
        found = [name for name in names if name in arrays]
        if found:
            return task, f"an array {found[0]}"
    text = any(
        name in arrays and arrays[name].dtype.kind in "OSU"
        for name in ("class", *LABEL_NAMES)
    )
    for name, array in arrays.items():
        shape = array.shape[1:]
        last, first = shape[2:] == (3,), shape[:1] == (3,) and shape[1:2] == shape[2:]
        if len(shape) == 3 and (first or (last and text)):
            return "alerts", f"{name} of three channels"
        if name in FLUX and shape == (CHALLENGE_PIXELS,):
            return "cgm", f"{name} of {CHALLENGE_PIXELS} pixels"
    if any(name in arrays for name in (*WAVELENGTH, *LOG_WAVELENGTH)):
        return "stellar", SPECTRA
    return IMAGES


def _files(path: Path) -> list[str]:
    """Names in lower case of a file, or of what is below a folder."""
    if not path.is_dir():
        return [path.name.lower()]
    return [file.name.lower() for file in path.rglob("*") if file.is_file()]


def _of_fits(path: Path) -> tuple[str, str]:
    """Tables and rows of pixels are spectra, all else are images."""
    from astropy.io import fits

    files = [path] if path.is_file() else sorted(path.rglob("*"))
    first = next(f for f in files if f.name.lower().endswith(FITS_SUFFIXES))
    try:
        with fits.open(first) as hdus:
            kinds = [(hdu.is_image, hdu.header.get("NAXIS", 0)) for hdu in hdus]
            names = {key for hdu in hdus for key in hdu.header}
    except (OSError, ValueError, TypeError, EOFError, zlib.error):
        return IMAGES
    filled = [(image, axes) for image, axes in kinds if axes]
    if filled and (not filled[0][0] or filled[0][1] == 1):
        return "stellar", SPECTRA
    if names.intersection(FWHM_KEYS):
        return "galaxies", "the width of a PSF in the header"
    return IMAGES


def _arrays(path: Path) -> dict[str, Any]:
    """Arrays of a file by name, as far as their heads tell; none where unreadable."""
    name = path.name.lower()
    try:
        if name.endswith((".h5", ".hdf5")) and h5py.is_hdf5(path):
            with h5py.File(path, "r") as file:
                found = {k: v for k, v in file.items() if isinstance(v, h5py.Dataset)}
                return {
                    k: SimpleNamespace(shape=v.shape, dtype=v.dtype)
                    for k, v in found.items()
                }
        if name.endswith(".npz"):
            with zipfile.ZipFile(path) as archive:
                return {
                    entry.removesuffix(".npy"): _of_entry(archive, entry)
                    for entry in archive.namelist()
                    if entry.endswith(".npy")
                }
        if name.endswith(".npy"):
            with path.open("rb") as file:
                return {"": _head(file)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return {}
    return {}


def _of_entry(archive: zipfile.ZipFile, entry: str) -> SimpleNamespace:
    with archive.open(entry) as file:
        return _head(file)


def _head(file) -> SimpleNamespace:
    """Shape and type that stand at the start of an array's file."""
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(file)
    return SimpleNamespace(shape=shape, dtype=dtype)

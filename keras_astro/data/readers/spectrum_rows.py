"""Named arrays of fluxes, wavelengths and errors as rows of a schema of spectra."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_astro.data.readers.arrays import ID_NAMES, as_text, first_of, groups_of
from keras_astro.data.sample import Sample, Schema
from keras_astro.errors import DataError

FLUX = ("flux", "spectra", "spectrum", "fluxes", "X", "x")
WAVELENGTH = ("wavelength_angstrom", "wavelength", "wavelengths", "wave", "lambda")
LOG_WAVELENGTH = ("loglam", "log_wavelength")
IVAR = ("ivar", "inverse_variance")
ERROR = ("error", "err", "errors", "sigma", "uncertainty")
MASK = ("mask", "bad", "dq")

# The spectra challenge's files hold fluxes alone. Their published figures show 900 to
# 2100 angstrom in steps of 0.01, of which each file pixel is the mean of three.
CHALLENGE_PIXELS = 39_974
CHALLENGE_FIRST, CHALLENGE_STEP = 900.01, 0.03


def spectra_sample(
    arrays: Mapping[str, np.ndarray],
    schema: Schema,
    name: str,
    *,
    first: np.ndarray | None = None,
) -> Sample:
    """Named arrays to rows of a schema of spectra.

    Errors become inverse variances. Pixels that are not finite, or whose error is not
    a positive number, get weight 0 and the mask, and nothing is put in their place.

    Args:
        arrays: Flux `(row, pixel)` or `(pixel,)`, wavelengths, and what else is known.
        schema: What the task expects.
        name: What messages call the data.
        first: Numbers of the rows, for names where there are none; None: from 0.

    Raises:
        DataError: If flux or wavelengths are missing or of the wrong shape.
    """
    flux = np.atleast_2d(np.asarray(arrays[flux_name(arrays, name)], np.float32))
    if flux.ndim != 2 or not flux.size:
        raise DataError(
            f"{name}: expected flux (row, pixel), found shape {flux.shape}",
            hint="Stack one spectrum a row with numpy.stack; join the orders of an "
            "echelle first.",
        )
    wavelength = grid(arrays, flux.shape[1], name)
    bad = ~np.isfinite(flux)
    found = first_of(arrays, MASK)
    if found:
        bad |= np.broadcast_to(
            _matched(arrays[found], flux, found, name) != 0, flux.shape
        )
    inputs = {"flux": np.where(bad & ~np.isfinite(flux), 0.0, flux).astype("float32")}
    ivar = _inverse_variance(arrays, flux, name)
    if ivar is not None:
        inputs["ivar"] = ivar
    if bad.any() or found:
        inputs["mask"] = bad.astype("uint8")
    targets = {
        spec.name: np.asarray(arrays[spec.name])
        for spec in schema.targets
        if spec.name in arrays and np.ndim(arrays[spec.name]) == 1 + len(spec.axes)
    }
    identity = first_of(arrays, ID_NAMES)
    numbers = np.arange(len(flux)) if first is None else first
    ids = as_text(arrays[identity]) if identity else numbers.astype(str)
    axes = {"wavelength_angstrom": wavelength}
    meta = {"id": ids} | groups_of(arrays)
    return Sample(schema, inputs, targets, meta, name, axes)


def grid(arrays: Mapping[str, np.ndarray], pixels: int, name: str) -> np.ndarray:
    """The wavelengths of spectra in angstrom, increasing.

    Raises:
        DataError: If there are none, or they do not fit the flux.
    """
    found = first_of(arrays, WAVELENGTH)
    log = first_of(arrays, LOG_WAVELENGTH)
    if found:
        wavelength = np.asarray(arrays[found], float)
    elif log:
        wavelength = 10.0 ** np.asarray(arrays[log], float)
    elif pixels == CHALLENGE_PIXELS:
        return CHALLENGE_FIRST + CHALLENGE_STEP * np.arange(pixels)
    else:
        raise DataError(
            f"{name}: expected wavelengths (wavelength_angstrom, or loglam), "
            f"found {', '.join(arrays) or 'nothing'}",
            hint="Add a dataset wavelength_angstrom of one value for each pixel.",
        )
    if wavelength.ndim == 2 and np.ptp(wavelength, axis=0).max() == 0:
        wavelength = wavelength[0]
    if wavelength.shape != (pixels,) or not (np.diff(wavelength) > 0).all():
        raise DataError(
            f"{name}: expected one increasing wavelength for each of {pixels} pixels, "
            f"found shape {wavelength.shape}",
            hint="All rows of a file share one grid: sort it, or split the file.",
        )
    return wavelength


def _inverse_variance(arrays, flux, name) -> np.ndarray | None:
    found, error = first_of(arrays, IVAR), first_of(arrays, ERROR)
    if found:
        ivar = _matched(arrays[found], flux, found, name)
    elif error:
        sigma = _matched(arrays[error], flux, error, name)
        good = np.isfinite(sigma) & (sigma > 0)
        ivar = np.where(good, 1.0 / np.where(good, sigma, 1.0) ** 2, 0.0)
    else:
        return None
    ivar = np.where(np.isfinite(ivar) & (ivar > 0), ivar, 0.0)
    return np.broadcast_to(ivar, flux.shape).astype("float32")


def _matched(array, flux, key, name) -> np.ndarray:
    array = np.asarray(array)
    if array.shape not in (flux.shape, flux.shape[1:]):
        raise DataError(
            f"{name}: expected {key} of the shape of the flux {flux.shape}, found "
            f"{array.shape}",
            hint=f"Give {key} one value a pixel, for all rows or for each row.",
        )
    return array.astype(np.float64)


def flux_name(arrays: Mapping[str, np.ndarray], name: str) -> str:
    """Under which name the fluxes are.

    Raises:
        DataError: If they are under none.
    """
    found = first_of(arrays, FLUX)
    if found is None:
        raise DataError(
            f"{name}: expected an array flux or spectra, found "
            f"{', '.join(arrays) or 'nothing'}",
            hint="Save the flux over the continuum under the name flux.",
        )
    return found

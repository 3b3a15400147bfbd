"""Preparing spectra: air and vacuum, rest frame, resampling with its variance.

Functions of NumPy arrays, wavelengths in angstrom; what belongs in the exported model
is in `continuum`.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from keras_astro.errors import DataError

SPEED_OF_LIGHT_KMS = 299792.458


def refractive_index(vacuum_angstrom: np.ndarray) -> np.ndarray:
    """Refractive index of standard air at 15 C and 0.045 % carbon dioxide.

    Args:
        vacuum_angstrom: Wavelength in vacuum, above 2300.

    Reference:
        Ciddor 1996, Applied Optics 35, 1566, equation 1.
    """
    square = (1e4 / np.asarray(vacuum_angstrom, float)) ** 2
    return 1 + 0.05792105 / (238.0185 - square) + 0.00167917 / (57.362 - square)


def vacuum_to_air(vacuum_angstrom: np.ndarray) -> np.ndarray:
    """Wavelengths in standard air of wavelengths in vacuum.

    Example:
        >>> round(float(vacuum_to_air(np.array(6564.614))), 3)
        6562.801
    """
    return np.asarray(vacuum_angstrom, float) / refractive_index(vacuum_angstrom)


def air_to_vacuum(air_angstrom: np.ndarray) -> np.ndarray:
    """Wavelengths in vacuum of wavelengths in standard air, the inverse to 1e-9 A.

    Example:
        >>> round(float(air_to_vacuum(np.array(6562.801))), 3)
        6564.614
    """
    air = np.asarray(air_angstrom, float)
    vacuum = air
    # The index hardly changes over its own shift: each step gains four digits.
    for _ in range(4):
        vacuum = air * refractive_index(vacuum)
    return vacuum


def to_rest(wavelength_angstrom: np.ndarray, velocity_kms: float) -> np.ndarray:
    """Wavelengths in the frame of a star that recedes with a velocity.

    The shift is the relativistic one along the line of sight,
    lambda_rest = lambda sqrt((1 - v/c) / (1 + v/c)).
    """
    beta = velocity_kms / SPEED_OF_LIGHT_KMS
    return np.asarray(wavelength_angstrom, float) * np.sqrt((1 - beta) / (1 + beta))


def pixel_edges(centers: np.ndarray) -> np.ndarray:
    """Edges of pixels, half-way between their centres, `(pixel + 1,)`.

    Raises:
        DataError: If the centres do not increase or are fewer than two.
    """
    centers = np.asarray(centers, float)
    if centers.ndim != 1 or len(centers) < 2 or not (np.diff(centers) > 0).all():
        raise DataError(
            "wavelengths: expected two or more, each larger than the one before",
            hint="Sort the pixels, and resample each echelle order by itself.",
        )
    inner = (centers[:-1] + centers[1:]) / 2
    first = centers[0] - (inner[0] - centers[0])
    last = centers[-1] + (centers[-1] - inner[-1])
    return np.concatenate([[first], inner, [last]])


def overlaps(old: np.ndarray, new: np.ndarray) -> csr_array:
    """Length of each old pixel inside each new one, `(new pixel, old pixel)`.

    Args:
        old: Centres of the old pixels.
        new: Centres of the new ones.
    """
    source, target = pixel_edges(old), pixel_edges(new)
    first = np.searchsorted(source, target[:-1], side="right") - 1
    last = np.searchsorted(source, target[1:], side="left")
    first, last = np.clip(first, 0, len(old)), np.clip(last, 0, len(old))
    counts = np.maximum(last - first, 0)
    rows = np.repeat(np.arange(len(new)), counts)
    columns = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    columns += np.repeat(first, counts)
    length = np.minimum(source[columns + 1], target[rows + 1])
    length = np.maximum(length - np.maximum(source[columns], target[rows]), 0.0)
    return csr_array((length, (rows, columns)), shape=(len(new), len(old)))


def resample(
    old: np.ndarray, flux: np.ndarray, ivar: np.ndarray, new: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Brings spectra to other pixels, conserving the flux, with the right variance.

    A new pixel is the mean of the good old ones, weighted by their length inside it:
    f = sum l_i f_i / sum l_i, with variance sum l_i^2 v_i / (sum l_i)^2. Neighbouring
    new pixels that share an old one are correlated, which a variance cannot say.

    Args:
        old: Centres of the pixels, `(pixel,)`.
        flux: Flux density, `(row, pixel)`.
        ivar: Inverse variance, 0 in bad pixels, `(row, pixel)`.
        new: Centres of the new pixels, `(new pixel,)`.

    Returns:
        Flux and inverse variance `(row, new pixel)`. A pixel that good data covers by
        less than half has an inverse variance of 0; its flux is 0 without any data.

    Example:
        >>> old = np.arange(8.0)
        >>> flux, ivar = resample(old, old[None], np.ones((1, 8)), np.array([0.5, 2.5]))
        >>> flux.tolist(), ivar.tolist()
        ([[0.5, 2.5]], [[2.0, 2.0]])
    """
    lengths = overlaps(old, new)
    flux, ivar = np.asarray(flux, float), np.asarray(ivar, float)
    good = (ivar > 0) & np.isfinite(flux)
    seen = good @ lengths.T
    total = np.where(good, flux, 0.0) @ lengths.T
    variance = np.divide(1.0, ivar, out=np.zeros_like(ivar), where=good)
    variance = variance @ (lengths * lengths).T
    width = np.diff(pixel_edges(new))
    covered = seen > 0.5 * width
    mean = np.divide(total, seen, out=np.zeros_like(total), where=seen > 0)
    weight = np.divide(seen**2, variance, out=np.zeros_like(seen), where=covered)
    return mean, weight

"""From a fine grid to a spectrograph's pixels: line-spread function and binning."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.special import ndtr

from keras_astro.simulate.voigt import C_KMS

# Gaussian kernels end here, in sigma.
REACH = 4.0
FWHM_OVER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
# Steps of the fine grid, so that the narrowest lines are resolved.
FINE_KMS = 3.5


def pixel_edges(wavelength: np.ndarray) -> np.ndarray:
    """Edges of pixels from their centres, `(pixel + 1,)`."""
    middle = 0.5 * (wavelength[1:] + wavelength[:-1])
    first = 2 * wavelength[0] - middle[0]
    last = 2 * wavelength[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])


def oversampling(wavelength: np.ndarray) -> int:
    """How many points a pixel needs for steps of at most `FINE_KMS`.

    Example:
        >>> oversampling(np.linspace(1200.0, 1900.0, 10_000))
        5
    """
    widest = np.max(np.diff(wavelength) / wavelength[1:]) * C_KMS
    return int(np.ceil(widest / FINE_KMS))


def fine_grid(wavelength: np.ndarray, oversample: int) -> np.ndarray:
    """Centres of each pixel's equal parts, `(pixel * oversample,)`."""
    edges = pixel_edges(wavelength)
    part = (np.arange(oversample) + 0.5) / oversample
    return (edges[:-1, None] + np.diff(edges)[:, None] * part).ravel()


def spread_matrix(
    wavelength: np.ndarray,
    oversample: int,
    *,
    fwhm_kms: float = 18.0,
    kernel: tuple[np.ndarray, np.ndarray] | None = None,
) -> sparse.csr_matrix:
    """The matrix that spreads light and averages it over pixels.

    Each weight is the exact integral of the line-spread function, centred on a fine
    point, over a pixel; each pixel's weights sum to 1.

    Args:
        wavelength: Pixel centres, `(pixel,)` in angstrom, increasing.
        oversample: Points a pixel.
        fwhm_kms: Full width of a Gaussian; 0 for none.
        kernel: A tabulated function instead: velocities in km/s and values.

    Returns:
        Sparse `(pixel, pixel * oversample)`.

    Example:
        >>> matrix = spread_matrix(np.linspace(1400.0, 1402.0, 50), 4)
        >>> matrix.shape, round(float(matrix.sum(axis=1).max()), 6)
        ((50, 200), 1.0)
    """
    fine = fine_grid(wavelength, oversample)
    edges = pixel_edges(wavelength)
    cumulative, reach = _cumulative(fwhm_kms, kernel)
    first = np.searchsorted(fine, edges[:-1] * (1 - reach / C_KMS))
    last = np.searchsorted(fine, edges[1:] * (1 + reach / C_KMS))
    size = last - first
    pixel = np.repeat(np.arange(len(size)), size)
    start = np.cumsum(size) - size
    point = np.arange(pixel.size) - (start - first)[pixel]
    centre = fine[point]
    low = (edges[pixel] / centre - 1) * C_KMS
    high = (edges[pixel + 1] / centre - 1) * C_KMS
    weight = cumulative(high) - cumulative(low)
    total = np.bincount(pixel, weight, minlength=len(size))
    shape = (len(wavelength), len(fine))
    weight /= total[pixel]
    return sparse.csr_matrix((weight, (pixel, point)), shape=shape)


def _cumulative(fwhm_kms, kernel):
    """The integral of the line-spread function, and how far it reaches in km/s."""
    if kernel is not None:
        velocity, value = (np.asarray(x, float) for x in kernel)
        steps = 0.5 * (value[1:] + value[:-1]) * np.diff(velocity)
        summed = np.concatenate([[0.0], np.cumsum(steps)])
        summed /= summed[-1]
        return lambda v: np.interp(v, velocity, summed), np.abs(velocity).max()
    if not fwhm_kms:
        return lambda v: (np.asarray(v) > 0).astype(float), 0.0
    sigma = fwhm_kms / FWHM_OVER_SIGMA
    return lambda v: ndtr(v / sigma), REACH * sigma

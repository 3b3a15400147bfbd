"""From surface brightness to an image: point-spread function, noise, 8-bit JPEG."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image
from scipy import fft
from scipy.ndimage import gaussian_filter1d

GAUSSIAN_FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))
# Widths at which a Gaussian ends.
TRUNCATE = 5.0
# Rows of an image that are blurred in one product.
BAND = 48


def blur(images: np.ndarray, *, fwhm_pixels: float, beta: float = 0.0) -> np.ndarray:
    """Convolves with a Gaussian, or with a Moffat profile where `beta` is positive.

    Args:
        images: `(batch, y, x)`.
        fwhm_pixels: Full width at half maximum.
        beta: Moffat exponent; 0 for a Gaussian.

    Example:
        >>> point = np.zeros((1, 31, 31), "float32")
        >>> point[0, 15, 15] = 1.0
        >>> round(float(blur(point, fwhm_pixels=3.0).sum()), 4)
        1.0
    """
    if not beta:
        return _blur_gaussian(images, fwhm_pixels / GAUSSIAN_FWHM)
    side = images.shape[1]
    kernel = moffat_kernel(side, fwhm_pixels=fwhm_pixels, beta=beta)
    shape = (2 * side, 2 * side)
    transform = fft.rfft2(images, shape) * fft.rfft2(kernel, shape)
    start = side // 2
    full = fft.irfft2(transform, shape)
    return full[:, start : start + side, start : start + side].astype(images.dtype)


def _blur_gaussian(images, sigma):
    # Products with bands of a matrix: several times faster than a filter by taps.
    side = images.shape[1]
    matrix = _gaussian_matrix(side, sigma)
    reach = int(TRUNCATE * sigma + 0.5)
    rows, out = np.empty_like(images), np.empty_like(images)
    bands = []
    for start in range(0, side, BAND):
        band = slice(start, start + BAND)
        bands.append((band, slice(max(start - reach, 0), start + BAND + reach)))
    for band, seen in bands:
        np.matmul(matrix[band, seen], images[:, seen], out=rows[:, band])
    for band, seen in bands:
        np.matmul(rows[..., seen], matrix[band, seen].T, out=out[..., band])
    return out


@lru_cache(maxsize=16)
def _gaussian_matrix(side: int, sigma: float) -> np.ndarray:
    """What each pixel of a row takes from each; beyond its ends the row is constant."""
    unit = np.eye(side)
    matrix = gaussian_filter1d(unit, sigma, axis=0, mode="nearest", truncate=TRUNCATE)
    return matrix.astype("float32")


def moffat_kernel(side: int, *, fwhm_pixels: float, beta: float) -> np.ndarray:
    """A normalised Moffat profile centred on pixel `side // 2`.

    Reference:
        Moffat 1969, A&A 3, 455.
    """
    alpha = fwhm_pixels / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))
    offset = np.arange(side) - side // 2
    square = offset[:, None] ** 2 + offset**2
    kernel = (1.0 + square / alpha**2) ** -beta
    return (kernel / kernel.sum()).astype("float32")


def add_noise(
    images: np.ndarray, rng, *, peak_counts: float, background_rms: float
) -> np.ndarray:
    """Poisson noise for a peak of so many photons, and Gaussian background noise.

    Args:
        images: `(batch, y, x)`, any linear unit.
        rng: NumPy random generator.
        peak_counts: Photons in the brightest pixel; 0 for no Poisson noise.
        background_rms: Over the brightest pixel.

    Returns:
        Images with their brightest noiseless pixel at 1.
    """
    scaled = images / images.max(axis=(1, 2), keepdims=True)
    if peak_counts:
        counts = rng.poisson(np.maximum(scaled, 0.0) * peak_counts)
        scaled = counts.astype("float32") / np.float32(peak_counts)
    noise = rng.standard_normal(images.shape, dtype="float32")
    return scaled + np.float32(background_rms) * noise


def jpeg_round_trip(images: np.ndarray, *, quality: int) -> np.ndarray:
    """Scales each image to 0..255, stores it as 8-bit JPEG and reads it back.

    Args:
        images: `(batch, y, x)`.
        quality: JPEG quality, 1 to 95.
    """
    low = images.min(axis=(1, 2), keepdims=True)
    high = images.max(axis=(1, 2), keepdims=True)
    levels = np.round(255.0 * (images - low) / (high - low)).astype("uint8")
    out = np.empty(images.shape, "float32")
    for i, level in enumerate(levels):
        buffer = io.BytesIO()
        Image.fromarray(level).save(buffer, "JPEG", quality=quality)
        out[i] = np.asarray(Image.open(buffer), dtype="float32")
    return out

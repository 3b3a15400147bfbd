"""How synthetic stars are made to look observed, and what is left to doubt then."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

# Residuals are rolled by a tenth of the spectrum at least: noise does not reach as far.
NEAREST_ROLL = 0.1
# Part of the variance by chance that estimates are off by, and standard deviations
# that chance explains. On seven simulated gaps the former was 0.4 to 0.7 for Teff,
# log g and [M/H], a part of which shows as a shift; intervals of 68 and 95 % then hold
# 75 and 97 % in all (77 and 97 % where all but v was an error, with 67 and 94 % of
# [M/H] either way).
TAKEN, BEYOND = 0.25, 2.0


def widening(shift: np.ndarray, chance: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """By how much intervals grow for what separates domains, by chance and beyond.

    Stars whose mean labels differ by chance, with variance v, are taken for stars with
    other lines, in part, and estimates are then off by that part of the difference. A
    shift d of the estimates that chance does not explain is an error, too. Both add in
    squares to half widths h of 68 % intervals:
    `sqrt(1 + (TAKEN v + max(d^2 - BEYOND^2 v, 0)) / mean(h^2))`.

    Args:
        shift: `(label,)`.
        chance: Variance of the shift between alike populations, `(label,)`.
        widths: Of 68 % intervals, `(row, label)`.

    Example:
        >>> shift, chance = np.array([4.0, 2.0]), np.array([1.0, 4.0])
        >>> widening(shift, chance, np.full((5, 2), 2.0)).round(2)
        array([3.64, 1.41])
    """
    error = TAKEN * chance + np.maximum(shift**2 - BEYOND**2 * chance, 0.0)
    return np.sqrt(1 + error / np.mean((widths / 2) ** 2, axis=0))


def rolled(noise: np.ndarray, rng) -> np.ndarray:
    """Rows moved along the wavelengths at random, by a tenth of them at least.

    Args:
        noise: `(row, pixel)`.
        rng: Generator.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> rolled(np.arange(10.0)[None], rng).tolist()
        [[3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 0.0, 1.0, 2.0]]
    """
    rows, pixels = noise.shape
    far = int(pixels * NEAREST_ROLL)
    step = rng.integers(far, pixels - far, size=rows)
    place = (np.arange(pixels) - step[:, None]) % pixels
    return np.take_along_axis(noise, place, axis=1)


def line_width(depth: np.ndarray) -> np.ndarray:
    """Standard deviation of the lines of each spectrum in pixels, `(row, 1)`.

    For a Gaussian line `exp(-x^2 / 2 w^2)` the mean square is `2 w^2` times that of its
    slope.

    Args:
        depth: 1 less the normalised flux, `(row, pixel)`.

    Example:
        >>> x = np.arange(200.0)
        >>> line = np.exp(-0.5 * ((x - 100) / 5) ** 2)
        >>> line_width(line[None]).round(1).tolist()
        [[5.1]]
    """
    slope = np.gradient(depth, axis=1)
    ratio = np.mean(depth**2, axis=1) / np.maximum(np.mean(slope**2, axis=1), 1e-30)
    return np.sqrt(ratio / 2)[:, None]


def doubted(depth: np.ndarray, rng, *, lines: float, widths: float) -> np.ndarray:
    """Spectra with other line lists and other instruments, another for each row.

    Depths are multiplied with 1 plus a random number of the row and a random curve of
    wavelength that changes over two line widths; widths change by `w^2 d''` times their
    relative error, which keeps the strengths.

    Args:
        depth: 1 less the normalised flux, `(row, pixel)`.
        rng: Generator.
        lines: Relative sd of the depths of single lines, and of all lines of a row.
        widths: Relative sd of the widths of a row.

    Returns:
        Depths of the same shape.
    """
    rows, pixels = depth.shape
    width = line_width(depth)
    smooth = float(np.median(width))
    # In single precision: half of the time of fine-tuning is spent here.
    white = rng.standard_normal((rows, pixels), dtype="float32")
    noise = gaussian_filter1d(white, smooth, axis=1)
    # What smoothing takes from the variance of white noise, for wide kernels.
    noise *= np.float32(np.sqrt(2 * np.sqrt(np.pi) * smooth))
    noise += rng.standard_normal((rows, 1), dtype="float32")
    strength = np.float32(lines) * noise
    curvature = np.gradient(np.gradient(depth, axis=1), axis=1)
    broader = widths * rng.standard_normal((rows, 1)) * width**2 * curvature
    return depth * (1 + strength) + broader

"""Fourier transforms of galaxy and star profiles, in closed form or as tables."""

from __future__ import annotations

import numpy as np
from scipy.fft import fht, fhtoffset
from scipy.special import gamma, gammaincinv, k1

from keras_astro.simulate.galaxy_images import MOFFAT_RADIUS

__all__ = [
    "MOFFAT_RADIUS",
    "index_nodes",
    "moffat_transform",
    "sersic_table",
    "sersic_transform",
    "wavenumber_nodes",
]

# Radii of the logarithmic transform over the half-light radius: beyond them lies
# less than 1e-6 of the light of any index tabulated.
RADII = (1e-9, 1e6)
SAMPLES = 4096

INDICES = (0.4, 7.0)
INDEX_NODES = 128
WAVENUMBERS = (1e-3, 3e2)
WAVENUMBER_NODES = 2048


def sersic_transform(n: float, wavenumber: np.ndarray) -> np.ndarray:
    """Fourier transform of a round Sersic profile of unit flux and half-light radius.

    It has no closed form; the Hankel transform of order 0 is done on a logarithmic
    grid of radii.

    Args:
        n: Sersic index.
        wavenumber: In radian over half-light radius, from 1e-5 to 1e5.

    Returns:
        The transform at the wavenumbers; 1 at 0.

    Reference:
        Hamilton 2000, MNRAS 312, 257 (FFTLog); Ciotti and Bertin 1999, A&A 352, 447.

    Example:
        >>> gaussian = sersic_transform(0.5, np.array([1.0]))
        >>> bool(abs(gaussian[0] - np.exp(-1 / (4 * np.log(2)))) < 1e-5)
        True
    """
    step = np.log(RADII[1] / RADII[0]) / SAMPLES
    offset = fhtoffset(step, mu=0.0)
    centred = np.arange(SAMPLES) - (SAMPLES - 1) / 2
    radius = np.sqrt(RADII[0] * RADII[1]) * np.exp(step * centred)
    b = gammaincinv(2 * n, 0.5)
    flux = 2 * np.pi * n * b ** (-2 * n) * gamma(2 * n)
    profile = np.exp(-b * radius ** (1 / n)) / flux
    nodes = np.exp(offset) / radius[::-1]
    transform = 2 * np.pi * fht(radius * profile, step, mu=0.0, offset=offset) / nodes
    return np.interp(np.log(wavenumber), np.log(nodes), transform)


def sersic_table() -> np.ndarray:
    """Transforms at `index_nodes` and `wavenumber_nodes`, `(index, wavenumber)`."""
    wavenumber = np.exp(wavenumber_nodes())
    return np.stack([sersic_transform(n, wavenumber) for n in np.exp(index_nodes())])


def index_nodes() -> np.ndarray:
    """Natural logarithms of the Sersic indices of the table, evenly spaced."""
    return np.linspace(*np.log(INDICES), INDEX_NODES)


def wavenumber_nodes() -> np.ndarray:
    """Natural logarithms of the wavenumbers of the table, evenly spaced."""
    return np.linspace(*np.log(WAVENUMBERS), WAVENUMBER_NODES)


def moffat_transform(x: np.ndarray) -> np.ndarray:
    """Fourier transform of a Moffat profile of beta 2 and unit flux: x K1(x).

    Args:
        x: Wavenumber times `moffat_radius`.

    Reference:
        Moffat 1969, A&A 3, 455; Gradshteyn and Ryzhik 6.565.4.

    Example:
        >>> moffat_transform(np.array([0.0, 1.0])).round(4).tolist()
        [1.0, 0.6019]
    """
    return np.where(x > 0, x * k1(np.where(x > 0, x, 1.0)), 1.0)

"""Rotation, instrument and velocity as factors of a spectrum's Fourier transform."""

from __future__ import annotations

import numpy as np
from scipy.special import j1

# FWHM of a Gaussian over its standard deviation.
FWHM = 2 * np.sqrt(2 * np.log(2))


def rotation_transfer(
    frequency: np.ndarray, vsini_kms: np.ndarray, *, limb_darkening: float = 0.6
) -> np.ndarray:
    """Fourier transform of the rotation profile of a rigid, limb-darkened star.

    With b = 2 pi f v sin i, the transform of
    G = [2 (1 - e) sqrt(1 - y^2) + (pi e / 2)(1 - y^2)] / [pi (1 - e / 3)] is
    g(b) = [2 (1 - e) J1(b) / b + 2 e (sin b - b cos b) / b^3] / (1 - e / 3).

    Args:
        frequency: In cycles per km/s, `(frequency,)`.
        vsini_kms: Projected rotation velocity, `(row,)`.
        limb_darkening: Linear coefficient e.

    Returns:
        `(row, frequency)`, 1 at frequency 0.

    Reference:
        Gray 2008, The Observation and Analysis of Stellar Photospheres, chapter 18.

    Example:
        >>> rotation_transfer(np.array([0.0, 0.1]), np.array([10.0])).shape
        (1, 2)
    """
    b = 2 * np.pi * np.abs(frequency) * np.asarray(vsini_kms)[:, None]
    small = b < 1e-2
    safe = np.where(small, 1.0, b)
    disc = np.where(small, 0.5 - b**2 / 16, j1(safe) / safe)
    dark = np.where(
        small, 1 / 3 - b**2 / 30, (np.sin(safe) - safe * np.cos(safe)) / safe**3
    )
    e = limb_darkening
    return (2 * (1 - e) * disc + 2 * e * dark) / (1 - e / 3)


def broaden(
    flux: np.ndarray,
    *,
    pixel_kms: float,
    vsini_kms: np.ndarray,
    resolution: np.ndarray,
    velocity_kms: np.ndarray,
    limb_darkening: float = 0.6,
) -> np.ndarray:
    """Rotates a star, looks at it through an instrument and moves it.

    The window is taken to repeat itself, so cut a margin off that is wider than the
    kernels and the shift.

    Args:
        flux: `(row, pixel)` on pixels of one width in velocity.
        pixel_kms: That width.
        vsini_kms: `(row,)`.
        resolution: Wavelength over FWHM of the line-spread function, `(row,)`.
        velocity_kms: Shift, positive to the red, `(row,)`.
        limb_darkening: Linear coefficient of the rotation profile.

    Returns:
        Flux of the same shape.
    """
    pixels = flux.shape[1]
    frequency = np.fft.rfftfreq(pixels, pixel_kms)
    sigma = (299792.458 / np.asarray(resolution) / FWHM)[:, None]
    transfer = rotation_transfer(frequency, vsini_kms, limb_darkening=limb_darkening)
    transfer = transfer * np.exp(-2 * (np.pi * frequency * sigma) ** 2)
    turn = -2j * np.pi * frequency * np.asarray(velocity_kms)[:, None]
    return np.fft.irfft(np.fft.rfft(flux) * transfer * np.exp(turn), pixels)

"""The Voigt profile, and the optical depth of many lines in windows of a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import wofz

from keras_astro.simulate.cgm_lines import Line

C_KMS = 299792.458
# sqrt(pi) e^2 / (m_e c), for columns in cm^-2, wavelengths in angstrom and b in km/s.
CENTRAL_DEPTH = 1.497367e-15
# From here on the series of the wings is exact to 1e-7 of its value.
WING = 30.0
# Depth at which a line's window ends: it changes the flux by no more than this.
FAINTEST = 2e-5


def voigt(a: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The Voigt function `H(a, u)`, the real part of the Faddeeva function at u + ia.

    Exact near the line; beyond 30 Doppler widths by its asymptotic series, which is
    ten times faster.

    Args:
        a: Damping over Doppler width, 0 to about 0.5.
        u: Distance from the centre in Doppler widths; same shape.

    Reference:
        Abramowitz and Stegun 1964, 7.1.4 and 7.1.29.

    Example:
        >>> voigt(np.array([0.0]), np.array([1.0])).round(6).tolist()
        [0.367879]
    """
    squared = u * u
    far = squared > WING * WING
    inverse = 1.0 / np.where(far, squared + a * a, 1.0)
    found = a / np.sqrt(np.pi) * inverse * (1.0 + inverse * (1.5 + 3.75 * inverse))
    near = ~far
    found[near] = wofz(u[near] + 1j * a[near]).real
    return found


@dataclass
class Clouds:
    """Absorbing clouds of some sightlines, one ion's view of them.

    Args:
        velocity_kms: `(row, cloud)`, relative to the system's redshift.
        width_kms: Doppler parameter b of the ion, `(row, cloud)`.
        column: Column density of the ion in cm^-2, `(row, cloud)`; 0 for no cloud.
    """

    velocity_kms: np.ndarray
    width_kms: np.ndarray
    column: np.ndarray


@dataclass
class Windows:
    """Where on a grid each cloud's line is computed.

    Args:
        first: Index of the first point, `(row, cloud)`.
        last: Index behind the last point, `(row, cloud)`.
    """

    first: np.ndarray
    last: np.ndarray


def line_windows(
    wavelength: np.ndarray, line: Line, clouds: Clouds, *, redshift: float
) -> Windows:
    """The points at which a line's optical depth exceeds `FAINTEST`."""
    depth, a, centre = _strength(line, clouds, redshift)
    excess = np.maximum(depth / FAINTEST, 1.0)
    core = np.sqrt(np.log(excess))
    wing = np.sqrt(a * excess / np.sqrt(np.pi))
    half = np.where(excess > 1.0, np.maximum(core, wing) + 1.0, 0.0)
    reach = centre * half * clouds.width_kms / C_KMS
    first = np.searchsorted(wavelength, centre - reach)
    last = np.searchsorted(wavelength, centre + reach)
    return Windows(first, np.where(half > 0, last, first))


def add_line(
    depth: np.ndarray,
    wavelength: np.ndarray,
    line: Line,
    clouds: Clouds,
    windows: Windows,
    *,
    redshift: float,
) -> None:
    """Adds a line's optical depth to spectra, in its windows alone.

    Args:
        depth: `(row, point)`, changed in place.
        wavelength: `(point,)` in angstrom, as observed.
        line: The transition.
        clouds: What absorbs.
        windows: As from `line_windows`, in points of `wavelength`.
        redshift: Of velocity 0.
    """
    central, a, centre = (x.ravel() for x in _strength(line, clouds, redshift))
    first, size = windows.first.ravel(), (windows.last - windows.first).ravel()
    # Ragged windows as one flat array: which cloud, and which point.
    cloud = np.repeat(np.arange(size.size), size)
    start = np.cumsum(size) - size
    point = np.arange(cloud.size) - (start - first)[cloud]
    per_width = C_KMS / (centre * clouds.width_kms.ravel())
    u = (wavelength[point] - centre[cloud]) * per_width[cloud]
    values = central[cloud] * voigt(a[cloud], u)
    rows, (low, high) = len(depth), (windows.first.min(), windows.last.max())
    flat = (cloud // clouds.column.shape[1]) * (high - low) + point - low
    added = np.bincount(flat, values, minlength=rows * (high - low))
    depth[:, low:high] += added.reshape(rows, high - low)


def _strength(line: Line, clouds: Clouds, redshift: float):
    """Central depth, damping over Doppler width and observed wavelength."""
    lambda_0 = line.wavelength_angstrom
    central = CENTRAL_DEPTH * line.strength * lambda_0 * clouds.column
    central = central / clouds.width_kms
    # Angstrom / s to km / s is 1e-13.
    a = line.damping_per_second * lambda_0 * 1e-13 / (4 * np.pi * clouds.width_kms)
    centre = lambda_0 * (1 + redshift) * (1 + clouds.velocity_kms / C_KMS)
    return central, a, centre

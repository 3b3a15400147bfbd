"""Deflection by the smooth part of a lens: isothermal ellipsoid and external shear.

Angles are in arcsec. `x` grows along the last image axis and `y` along the one before;
lens parameters broadcast against both.
"""

from __future__ import annotations

import numpy as np

# A squared eccentricity below this changes the deflection by 3e-6 of itself.
ROUND = 1e-5
# Smallest squared radius in arcsec^2 that is told from zero, also in float32.
TINY = 1e-30


def ellipse(e1: np.ndarray, e2: np.ndarray):
    """Axis ratio, and cosine and sine of the major axis' angle from x.

    The ellipticity is (1 - q) / (1 + q) long and points twice the angle.
    """
    modulus = np.sqrt(e1 * e1 + e2 * e2)
    angle = 0.5 * np.arctan2(e2, e1)
    return (1 - modulus) / (1 + modulus), np.cos(angle), np.sin(angle)


def rotate(x, y, cosine, sine):
    """Coordinates along axes that are turned by an angle."""
    return cosine * x + sine * y, cosine * y - sine * x


def sie_deflection(x, y, *, theta_E, e1, e2):
    """Deflection of the singular isothermal ellipsoid.

    `theta_E` is the geometric mean of the critical curve's half axes, so that the
    ellipse it spans holds a mean convergence of one at every ellipticity.

    Args:
        x: Position along x in arcsec, broadcasting with `y`.
        y: Position along y in arcsec.
        theta_E: Einstein radius in arcsec.
        e1: Ellipticity along x.
        e2: Ellipticity along the diagonal.

    Returns:
        Deflection along x and y, in arcsec.

    Reference:
        Kormann, Schneider & Bartelmann (1994), eq. 27a; Keeton (2001), eq. 33-34.

    Example:
        >>> ax, ay = sie_deflection(2.0, 0.0, theta_E=1.0, e1=0.0, e2=0.0)
        >>> float(np.round(ax, 4)), float(np.round(ay, 4))
        (1.0, 0.0)
    """
    q, cosine, sine = ellipse(e1, e2)
    eccentricity = np.sqrt(np.maximum(1 - q * q, ROUND))
    u, v = rotate(x, y, cosine, sine)
    inverse = q * q * (u * u)
    inverse += v * v
    # A position in the very centre has no direction: any small radius will do.
    inverse = np.sqrt(np.maximum(inverse, TINY))
    inverse = eccentricity / inverse
    u *= inverse
    v *= inverse
    u = np.arctan(u)
    # Rounding must not carry the argument to the pole at one.
    v = np.arctanh(np.clip(v, -eccentricity, eccentricity))
    strength = theta_E * np.sqrt(q) / eccentricity
    return rotate(u, v, strength * cosine, -strength * sine)


def shear_deflection(x, y, *, gamma1, gamma2):
    """Deflection of an external shear, in arcsec.

    Example:
        >>> shear_deflection(1.0, 2.0, gamma1=0.1, gamma2=0.0)
        (0.1, -0.2)
    """
    return gamma1 * x + gamma2 * y, gamma2 * x - gamma1 * y


def sie_circle_mass(e1: np.ndarray, e2: np.ndarray) -> np.ndarray:
    """Mass of an ellipsoid inside a circle, over that of a sphere of equal `theta_E`.

    The mean over angles of 1 / sqrt(q cos^2 + sin^2 / q): the mass in a circle of
    radius R is this times `theta_E` R (in units of pi times the critical density).
    """
    q, _, _ = ellipse(np.asarray(e1, float), np.asarray(e2, float))
    angle = np.arange(256) * (2 * np.pi / 256)
    q = q[..., None]
    return np.mean((q * np.cos(angle) ** 2 + np.sin(angle) ** 2 / q) ** -0.5, axis=-1)

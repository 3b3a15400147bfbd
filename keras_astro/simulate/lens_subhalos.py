"""Substructure: radial mass profiles, and how masses and places are drawn.

Masses are in arcsec^2: a mass m deflects light outside of it, at r, by m / r.
Each profile has a mass and one scale in arcsec:

* `point`: the scale is unused.
* `sis`: singular isothermal sphere; the mass is the one within the scale.
* `tnfw`: truncated NFW halo with scale radius `scale`; the mass is the total one.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

KINDS = ("point", "sis", "tnfw")

TABLE_SIZE = 4096
# Radii of the table, in scale radii: from far below a pixel to far outside the field.
TABLE_LOG_RANGE = (-12.0, 12.0)


def tnfw_mass(x: np.ndarray, tau: float) -> np.ndarray:
    """Projected mass of a truncated NFW halo inside a radius, over its total mass.

    Args:
        x: Radius over the scale radius, positive.
        tau: Truncation radius over the scale radius.

    Reference:
        Baltz, Marshall & Oguri (2009), eq. A11 and A14 (n = 1).

    Example:
        >>> bool(0.999 < tnfw_mass(np.array(1e4), 5.0) < 1)
        True
    """
    x = np.asarray(x, float)
    t2 = tau * tau
    root = np.sqrt(t2 + x * x)
    inside = (
        (t2 + 1 + 2 * (x * x - 1)) * _arc(x)
        + tau * np.pi
        + (t2 - 1) * np.log(tau)
        + root * (-np.pi + (t2 - 1) / tau * np.log(x / (root + tau)))
    )
    return inside / _tnfw_total(tau)


def tnfw_convergence(x: np.ndarray, tau: float) -> np.ndarray:
    """Derivative of `tnfw_mass` with respect to x squared.

    Reference:
        Baltz, Marshall & Oguri (2009), eq. A8 (n = 1).
    """
    # The two terms that diverge at x = 1 cancel.
    x = np.where(np.abs(np.asarray(x, float) - 1) < 1e-5, 1 + 1e-5, x)
    t2 = tau * tau
    root = np.sqrt(t2 + x * x)
    arc = _arc(x)
    value = (
        (t2 + 1) / (x * x - 1) * (1 - arc)
        + 2 * arc
        - np.pi / root
        + (t2 - 1) / (tau * root) * np.log(x / (root + tau))
    )
    return 0.5 * value / _tnfw_total(tau)


def enclosed_mass(u, *, kind: str, mass, scale, tau: float):
    """Projected mass inside a radius, in arcsec^2; `u` is the radius squared."""
    if kind == "point":
        return mass * np.ones_like(u)
    if kind == "sis":
        return mass / scale * np.sqrt(u)
    return mass * tnfw_mass(np.sqrt(u) / scale, tau)


def convergence(u, *, kind: str, mass, scale, tau: float):
    """Surface density over the critical one at a squared radius `u`."""
    if kind == "point":
        return np.zeros_like(u)
    if kind == "sis":
        return 0.5 * mass / scale / np.sqrt(u)
    return mass / scale**2 * tnfw_convergence(np.sqrt(u) / scale, tau)


def subhalo_deflection(x, y, *, kind: str, mass, scale=1.0, tau: float = 5.0):
    """Deflection by one subhalo in the origin, evaluated exactly.

    Args:
        x: Position along x in arcsec.
        y: Position along y in arcsec.
        kind: `point`, `sis` or `tnfw`.
        mass: Mass in arcsec^2.
        scale: Scale of the profile in arcsec.
        tau: Truncation radius of `tnfw` over its scale.

    Example:
        >>> ax, ay = subhalo_deflection(0.0, 0.5, kind="point", mass=0.01)
        >>> float(ax), float(ay)
        (0.0, 0.02)
    """
    u = np.asarray(x * x + y * y, float)
    pull = enclosed_mass(u, kind=kind, mass=mass, scale=scale, tau=tau) / u
    return pull * x, pull * y


@lru_cache(maxsize=16)
def tnfw_tables(tau: float) -> tuple[np.ndarray, np.ndarray]:
    """`tnfw_mass` and `tnfw_convergence` on a grid even in the log of x squared."""
    x = np.exp(0.5 * np.linspace(*TABLE_LOG_RANGE, TABLE_SIZE))
    return tnfw_mass(x, tau), tnfw_convergence(x, tau)


def draw_masses(rng, shape, *, low: float, high: float, slope: float) -> np.ndarray:
    """Masses with dN/dm proportional to m^slope between two limits.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> m = draw_masses(rng, (1000,), low=1e6, high=1e10, slope=-1.9)
        >>> bool(m.min() >= 1e6 and m.max() <= 1e10 and np.median(m) < 3e6)
        True
    """
    uniform = rng.random(shape)
    power = slope + 1
    if abs(power) < 1e-9:
        return low * (high / low) ** uniform
    ends = low**power, high**power
    return (ends[0] + uniform * (ends[1] - ends[0])) ** (1 / power)


def _arc(x):
    """arccos(1 / x) / sqrt(x^2 - 1), continued to x < 1 through arccosh."""
    x = np.where(np.abs(x - 1) < 1e-7, 1 + 1e-7, x)
    outside = np.maximum(x, 1 + 1e-7)
    inside = np.minimum(x, 1 - 1e-7)
    return np.where(
        x > 1,
        np.arccos(1 / outside) / np.sqrt(outside**2 - 1),
        np.arccosh(1 / inside) / np.sqrt(1 - inside**2),
    )


def _tnfw_total(tau):
    return (tau * tau - 1) * np.log(tau) + tau * np.pi - (tau * tau + 1)

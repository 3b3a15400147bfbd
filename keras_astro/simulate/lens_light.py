"""Light of galaxies: elliptical Sersic profiles."""

from __future__ import annotations

import numpy as np

from keras_astro.simulate.lens_deflection import TINY, ellipse, rotate


def sersic_b(n):
    """The b of the Sersic profile: half of the light is inside the effective radius.

    Reference:
        Ciotti & Bertin (1999), eq. 18; exact to 1e-4 for n > 0.4.

    Example:
        >>> round(float(sersic_b(4.0)), 4)
        7.6692
    """
    return 2 * n - 1 / 3 + 4 / (405 * n) + 46 / (25515 * n**2) + 131 / (1148175 * n**3)


def sersic(x, y, *, amplitude, radius, n, e1, e2):
    """Surface brightness of an elliptical Sersic profile centred on the origin.

    Args:
        x: Position along x in arcsec, broadcasting with `y`.
        y: Position along y in arcsec.
        amplitude: Brightness at the effective radius.
        radius: Effective radius in arcsec, geometric mean of the half axes.
        n: Sersic index.
        e1: Ellipticity along x.
        e2: Ellipticity along the diagonal.

    Example:
        >>> one = dict(amplitude=2.0, radius=0.5, n=1.0, e1=0.0, e2=0.0)
        >>> float(np.round(sersic(np.array(0.3), np.array(0.4), **one), 6))
        2.0
    """
    q, cosine, sine = ellipse(e1, e2)
    u, v = rotate(x, y, cosine, sine)
    # Squared elliptical radius q u^2 + v^2 / q, over the effective radius squared.
    light = q / radius**2 * (u * u)
    v = v * v
    v *= 1 / (q * radius**2)
    light = light + v
    light = np.log(np.maximum(light, TINY))
    light *= 0.5 / n
    light = np.exp(light)
    b = sersic_b(n)
    light -= 1
    light *= -b
    light = np.exp(light)
    light *= amplitude
    return light

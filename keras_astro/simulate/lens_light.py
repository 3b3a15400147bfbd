"""Light of galaxies: elliptical Sersic profiles."""

from __future__ import annotations

import numpy as np

from keras_astro.simulate.lens_deflection import TINY, ellipse


def sersic_b(n):
    """The b of the Sersic profile: half of the light is inside the effective radius.

    Reference:
        Ciotti & Bertin (1999), eq. 18; exact to 5e-5 for n of 1 or more, and
        to 3e-4 down to n of 0.5.

    Example:
        >>> round(float(sersic_b(4.0)), 4)
        7.6692
    """
    b = 2 * n - 1 / 3 + 4 / (405 * n) + 46 / (25515 * n**2) + 131 / (1148175 * n**3)
    return b - 2194697 / (30690717750 * n**4)


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
    # Squared elliptical radius q u^2 + v^2 / q along the axes, over the effective
    # radius squared; as a form in x and y it takes fewer passes over the image.
    x_x = (q * cosine**2 + sine**2 / q) / radius**2
    y_y = (q * sine**2 + cosine**2 / q) / radius**2
    light = x_x * x + 2 * (q - 1 / q) * cosine * sine / radius**2 * y
    light *= x
    light += y_y * (y * y)
    light = np.log(np.maximum(light, TINY))
    light *= 0.5 / n
    light = np.exp(light)
    b = sersic_b(n)
    light *= -b
    light = np.exp(light)
    light *= amplitude * np.exp(b)
    return light

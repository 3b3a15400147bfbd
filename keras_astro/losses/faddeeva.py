"""The Voigt function inside the graph, in real arithmetic of built-in operations."""

from __future__ import annotations

from functools import cache

import numpy as np
from keras import ops

TERMS = 16
# From here on the asymptotic series (Abramowitz and Stegun 1964, 7.1.29) is exact to
# 1e-5 of its value.
WING = 12.0
ROOT = float(1.0 / np.sqrt(np.pi))


@cache
def coefficients(terms: int = TERMS) -> tuple[float, tuple[float, ...]]:
    """Scale L and polynomial of Weideman's rational approximation, lowest power first.

    Reference:
        Weideman 1994, SIAM J. Numer. Anal. 31, 1497, equations 20 and 27.
    """
    scale = np.sqrt(terms / np.sqrt(2.0))
    points = 2 * terms
    angle = np.arange(-points + 1, points) * np.pi / points
    t = scale * np.tan(angle / 2)
    values = np.concatenate([[0.0], np.exp(-(t**2)) * (scale**2 + t**2)])
    spectrum = np.real(np.fft.fft(np.fft.fftshift(values))) / (2 * points)
    return float(scale), tuple(float(a) for a in spectrum[1 : terms + 1])


def voigt(a, u):
    """The Voigt function `H(a, u) = Re w(u + ia)`, within 1e-6 of it in float32.

    `w(z) = 2 p(Z) / (L - iz)^2 + 1 / (sqrt(pi) (L - iz))`, `Z = (L + iz) / (L - iz)`.
    The polynomial has real coefficients, so that the Clenshaw-like recurrence
    `b_k = c_k + 2 Re(Z) b_(k+1) - |Z|^2 b_(k+2)` needs no complex numbers.

    Args:
        a: Damping over Doppler width, 0 or more; broadcasts against `u`.
        u: Distance from the centre in Doppler widths.

    Returns:
        A tensor of the shape of `u`.

    Example:
        >>> import keras
        >>> u = keras.ops.convert_to_tensor([0.0, 1.0])
        >>> [round(float(h), 4) for h in voigt(0.0, u)]
        [1.0, 0.3679]
    """
    scale, powers = coefficients()
    # d = 1 / (L - iz), with L - iz = (L + a) - iu.
    real, square = scale + a, u * u
    norm = 1.0 / (real * real + square)
    d_real, d_imag = real * norm, u * norm
    z_real = ((scale - a) * real - square) * norm
    z_imag = 2.0 * scale * u * norm
    twice, length = 2.0 * z_real, z_real * z_real + z_imag * z_imag
    above, higher = powers[-1], 0.0
    for c in powers[-2:0:-1]:
        above, higher = c + twice * above - length * higher, above
    p_real = powers[0] + z_real * above - length * higher
    p_imag = z_imag * above
    d2_real, d2_imag = d_real * d_real - d_imag * d_imag, 2.0 * d_real * d_imag
    near = 2.0 * (p_real * d2_real - p_imag * d2_imag) + d_real * ROOT
    # In the wings the two terms cancel but for a millionth: there the series is better.
    inverse = 1.0 / ops.maximum(square + a * a, 1.0)
    far = a * ROOT * inverse * (1.0 + inverse * (1.5 + 3.75 * inverse))
    return ops.where(square > WING * WING, far, near)

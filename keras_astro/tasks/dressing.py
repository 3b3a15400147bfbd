"""How synthetic stars are made to look observed, and what is left to doubt then."""

from __future__ import annotations

import numpy as np

# Residuals are rolled by a tenth of the spectrum at least: noise does not reach as far.
NEAREST_ROLL = 0.1


def widening(shift: np.ndarray, chance: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """By how much intervals grow for a shift between domains, beyond chance.

    Half widths h of 68 % intervals and an error of the size of the shift d, whose
    variance by chance is v, add in squares: `sqrt(1 + max(d^2 - v, 0) / mean(h^2))`.

    Args:
        shift: `(label,)`.
        chance: Variance of the shift between alike populations, `(label,)`.
        widths: Of 68 % intervals, `(row, label)`.

    Example:
        >>> widening(np.array([2.0, 1.0]), np.array([1.0, 1.0]), np.full((5, 2), 2.0))
        array([2., 1.])
    """
    excess = np.maximum(shift**2 - chance, 0.0)
    return np.sqrt(1 + excess / np.mean((widths / 2) ** 2, axis=0))

"""What labelled stars show of the lines that synthetic spectra have too weak.

A spectrum has thousands of pixels and a star four labels: what few stars with known
labels say of the lines is worth more than what they say of the errors of estimates.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement

import numpy as np
from scipy.ndimage import gaussian_filter1d

from keras_astro.tasks.dressing import line_width
from keras_astro.tasks.stellar_features import LABELS

# Squared depth, summed over the stars, at which half of what is found is believed:
# noise and blends decide where lines are weaker, and populations have said most of it
# before (`population_lines`). Chosen on simulated gaps.
BELIEVED = 1.0
# Degree of the polynomial of labels, and training rows for each of its terms.
DEGREE, ROWS_PER_TERM = 4, 10


def line_strengths(
    observed: np.ndarray, expected: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Relative excess of the observed depths, shrunk to 0, smooth over a line's width.

    `a = S[sum_i e_i (o_i - e_i)] / (S[sum_i e_i^2] + BELIEVED)` with S a Gaussian as
    wide as the lines.

    Args:
        observed: Depths o of the labelled stars, `(star, pixel)`.
        expected: Depths e of synthetic stars with their labels.

    Returns:
        The excess, `(pixel,)`, 0 where there are no lines and without stars; and how
        much of the doubt in it is left, `sqrt(BELIEVED / (S[sum_i e_i^2] + BELIEVED))`,
        of that shape.

    Example:
        >>> deep = np.full((5, 50), 0.5)
        >>> excess, doubt = line_strengths(1.2 * deep, deep)
        >>> float(excess[0].round(3)), float(doubt[0].round(3))
        (0.111, 0.667)
    """
    if not len(expected):
        return np.zeros(expected.shape[1]), np.ones(expected.shape[1])
    # A spectrum without lines is infinitely smooth.
    width = min(float(np.median(line_width(expected))), expected.shape[1] / 4)
    excess = (expected * (observed - expected)).sum(axis=0)
    power = (expected**2).sum(axis=0)
    smooth = gaussian_filter1d(np.stack([excess, power]), width, axis=1)
    total = smooth[1] + BELIEVED
    return smooth[0] / total, np.sqrt(BELIEVED / total)


def emulator(
    labels: np.ndarray, values: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """What stars of any labels look like: a polynomial, fitted to synthetic ones.

    Args:
        labels: `(row, label)`; that of v sin i enters by its logarithm.
        values: What is to be predicted, `(row, value)`.

    Returns:
        Labels `(row, label)` to values.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = rng.uniform(1, 2, (500, 4))
        >>> values = labels[:, :1] * labels[:, 1:2]
        >>> bool(np.abs(emulator(labels, values)(labels) - values).max() < 1e-4)
        True
    """
    seen = _columns(labels)
    mean, sd = seen.mean(axis=0), np.maximum(seen.std(axis=0), 1e-9)
    powers = [()]
    for degree in range(1, DEGREE + 1):
        more = list(combinations_with_replacement(range(seen.shape[1]), degree))
        if (len(powers) + len(more)) * ROWS_PER_TERM > len(seen):
            break
        powers += more

    def terms(rows):
        x = (_columns(rows) - mean) / sd
        return np.stack([np.prod(x[:, list(p)], axis=1) for p in powers], axis=1)

    design = terms(labels)
    penalty = 1e-6 * len(design) * np.eye(len(powers))
    weights = np.linalg.solve(design.T @ design + penalty, design.T @ values)
    return lambda rows: terms(rows) @ weights


def _columns(labels: np.ndarray) -> np.ndarray:
    found = np.array(labels, float)
    spin = LABELS.index("vsini_kms")
    found[:, spin] = np.log(np.maximum(found[:, spin], 0.1))
    return found

"""What labelled stars show of the lines that synthetic spectra have wrong.

A spectrum has thousands of pixels and a star four labels: what few stars with known
labels say of the lines is worth more than what they say of the errors of estimates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy.ndimage import gaussian_filter1d

from keras_astro.tasks.population import curvature
from keras_astro.tasks.stellar_features import LABELS

# All chosen on seven simulated gaps. Noise of a pixel for which the ridges are given;
# spectra of other noise weigh accordingly, but none as if it had less than the least.
NOISE, LEAST_NOISE = 0.01, 0.003
# Ridges of a line's excess, of its change by one standard deviation of a label, and of
# the broadening: NOISE^2 over their variance before any star is seen.
EXCESS, CHANGE, BROADENING = 0.003, 0.1, 1.0
# Gaussian over which pixels share what they say. Wider ones make broad stars of
# narrow ones: v sin i gets no better then.
SMOOTH_PIXELS = 0.5
# Of what n stars say, n / (n + UNSURE) is believed. With 3, five stars lowered errors
# by 1 % more in the mean, and raised them where there was little to correct.
UNSURE = 5.0
# Degree of the polynomial of labels, and training rows for each of its terms.
DEGREE, ROWS_PER_TERM = 4, 10


@dataclass(frozen=True)
class LabelledLines:
    """How observed lines differ from synthetic ones, star by star.

    Depths d are too small by `d (a_0 + sum_l a_l x_l) + k d''`, with x the
    standardised labels. What all stars have in common cannot tell a wrong line from
    stars of another temperature; what changes with the labels can.

    Args:
        excess: a, `(1 + label, pixel)`.
        broadening: k, half of the variance added to profiles, in square pixels.
    """

    excess: np.ndarray
    broadening: float

    def missing(self, depth: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """What synthetic depths lack, `(row, pixel)`, of labels `(row, label)`."""
        lines = depth * (_with_one(labels) @ self.excess)
        return lines + self.broadening * curvature(depth)


def line_strengths(
    observed: np.ndarray,
    expected: np.ndarray,
    labels: np.ndarray,
    good: np.ndarray | None = None,
) -> LabelledLines:
    """By ridge regression towards none: the broadening first, then in each pixel.

    Args:
        observed: Depths of the labelled stars, `(star, pixel)`.
        expected: Depths of synthetic stars with their labels.
        labels: These, standardised, `(star, label)`.
        good: Where stars were seen, `(star, pixel)`; the others say nothing there.
            Everywhere when None.

    Returns:
        Lines that are right where there are no stars.

    Example:
        >>> deep = np.full((20, 50), 0.5)
        >>> found = line_strengths(1.2 * deep, deep, np.zeros((20, 1)))
        >>> float(found.excess[0, 25].round(2)), float(found.excess[1, 25].round(2))
        (0.16, 0.0)
    """
    stars, pixels = expected.shape
    if not stars:
        return LabelledLines(np.zeros((1 + labels.shape[1], pixels)), 0.0)
    good = np.ones((stars, pixels), bool) if good is None else good
    rest = np.where(good, observed - expected, 0.0)
    noise = np.maximum(pixel_noise(rest, good), LEAST_NOISE)
    weight = good * (NOISE / noise)[:, None] ** 2
    bent = curvature(expected)
    broadening = np.sum(weight * bent * rest) / (np.sum(weight * bent**2) + BROADENING)
    rest -= broadening * bent
    design = _with_one(labels)
    power = np.einsum("nj,nk,np->pjk", design, design, weight * expected**2)
    seen = np.einsum("nj,np->pj", design, weight * expected * rest)
    count = good.sum(axis=0).astype(float)
    power, seen, count = (
        gaussian_filter1d(x, SMOOTH_PIXELS, axis=0) for x in (power, seen, count)
    )
    power += np.diag([EXCESS] + [CHANGE] * labels.shape[1])
    excess = np.linalg.solve(power, seen[..., None])[..., 0].T
    # The broadening is of all pixels, and of as many stars as they have in the mean.
    everywhere = count.mean()
    return LabelledLines(
        count / (count + UNSURE) * excess,
        float(everywhere / (everywhere + UNSURE) * broadening),
    )


def pixel_noise(rows: np.ndarray, good: np.ndarray | None = None) -> np.ndarray:
    """Standard deviation of what differs from pixel to pixel, `(row,)`, robustly.

    Args:
        rows: `(row, pixel)`.
        good: Pixels that count; both of a pair must. A row without any has endless
            noise.

    Example:
        >>> noise = 0.1 * np.random.default_rng(0).standard_normal((1, 10000))
        >>> float(pixel_noise(noise)[0].round(2))
        0.1
    """
    good = np.ones(rows.shape, bool) if good is None else good
    steps = np.abs(np.diff(rows, axis=1))
    pairs = good[:, 1:] & good[:, :-1]
    half = [
        np.median(step[pair]) if pair.any() else np.inf
        for step, pair in zip(steps, pairs, strict=True)
    ]
    # 0.6745 standard deviations hold half of a Gaussian; a difference has two.
    return np.array(half) / (0.6745 * np.sqrt(2))


def _with_one(labels: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones((len(labels), 1)), labels], axis=1)


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

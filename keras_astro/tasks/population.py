"""What unlabelled stars show, as a population, of lines and line widths.

Observed and synthetic stars have the same distribution of labels, so that their mean
spectra differ by the line list and the instrument alone, noise averaged away. An
autoencoder that is moved to observed spectra cannot say that: it may call stars of one
label those of another, as long as all are there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from keras_astro.errors import DataError
from keras_astro.tasks.dressing import line_width

# Squared mean depth at which half of a line's excess is believed.
BELIEVED = 0.01
# Part of the broadening that is believed: wrong lines look like some of it. Chosen on
# simulated gaps.
BROADENING = 0.3
# After the lines, the strength of all of them and their width are fitted again, for
# the continuum has moved.
ROUNDS = 3
# Factors of the strength of all lines beyond which spectra are not what they are taken
# for.
PLAUSIBLE = (0.3, 3.0)
# Strengths of the ridge that are tried, over the mean square of the codes' axes. Of
# equal ones the strongest counts: any fits two rows.
DAMPINGS = 10.0 ** np.arange(3, -4, -1)


@dataclass(frozen=True)
class Lines:
    """How observed lines differ from synthetic ones of the same labels.

    Args:
        strengths: Relative excess of depths, `(pixel,)`.
        broadening: Half of the variance added to profiles, in square pixels.
        grey: Factor of all lines together, a part of the strengths.

    Example:
        >>> Lines(np.array([0.5, 0.0]), 0.0).applied(np.array([[0.2, 0.2]])).round(2)
        array([[0.3, 0.2]])
    """

    strengths: np.ndarray
    broadening: float
    grey: float = 1.0

    def applied(self, depth: np.ndarray) -> np.ndarray:
        """Depths, `(row, pixel)`, as observed: `d (1 + a) + k d''`."""
        return depth * (1 + self.strengths) + self.broadening * curvature(depth)


def population_lines(
    observed: np.ndarray,
    shown: Callable[[Lines], np.ndarray],
    *,
    name: str = "observed spectra",
) -> Lines:
    """Lines with which the mean synthetic spectrum is the mean observed one.

    The difference of the means is fitted by a constant, the mean depth and its second
    derivative. Of what is left, single lines are as strong as it says, smoothed over a
    line's width: once, for doing it again would sharpen noise.

    Args:
        observed: Mean depth of the observed spectra, `(pixel,)`.
        shown: Lines to the mean depth of synthetic spectra with these, with noise and
            normalised as observed ones are.
        name: Where the observed spectra come from, for errors.

    Raises:
        DataError: If lines are not as strong as those of any such stars.

    Example:
        >>> x = np.arange(300.0)
        >>> lines = sum(np.exp(-0.5 * ((x - c) / 4) ** 2) for c in (60, 150, 240))
        >>> found = population_lines(
        ...     0.6 * lines, lambda known: known.applied(0.5 * lines[None])[0]
        ... )
        >>> float(found.strengths[150].round(2))
        0.2
    """
    found = Lines(np.zeros(len(observed)), 0.0)
    for turn in range(ROUNDS):
        depth = shown(found)
        bent = curvature(depth)
        design = np.stack([np.ones_like(depth), depth, bent], axis=1)
        weights = np.linalg.lstsq(design, observed - depth, rcond=None)[0]
        step = np.full_like(depth, weights[1])
        if not turn:
            rest = observed - depth - design @ weights
            width = min(float(line_width(depth[None])[0, 0]), len(depth) / 4)
            both = np.stack([depth * rest, depth**2])
            excess, power = gaussian_filter1d(both, width, axis=1)
            step += excess / (power + BELIEVED)
        grey = found.grey * float(1 + weights[1])
        if not PLAUSIBLE[0] < grey < PLAUSIBLE[1]:
            raise DataError(
                f"{name}: expected lines about as strong as synthetic ones, found them "
                f"{grey:.2g} times as strong in the mean spectrum",
                hint="Check wavelengths (air or vacuum, rest frame) and continuum.",
            )
        # A line may be absent, but stars of the training set have none in emission.
        found = Lines(
            (1 + found.strengths) * np.maximum(1 + step, 0.0) - 1,
            found.broadening + BROADENING * float(weights[2]),
            grey,
        )
    return found


def curvature(depth: np.ndarray) -> np.ndarray:
    """Second derivative along the pixels."""
    return np.gradient(np.gradient(depth, axis=-1), axis=-1)


def unexplained(
    codes: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """What a constant and codes leave of values, as large for few rows as for many.

    Ridge regression, as strong as it leaves least of rows that are left out. A fit to
    few rows takes part of their noise with it: `1 - h` of a row's variance is left, h
    its leverage, and residuals are divided by the root of that. Of a single row nothing
    is explained.

    Args:
        codes: `(row, code)`.
        values: `(row, value)`.

    Returns:
        What is left of these rows, and a function of other rows' codes and values.

    Reference:
        Golub, Heath and Wahba 1979, Technometrics 21, 215, equation 1.1.

    Example:
        >>> left, rest = unexplained(np.zeros((3, 1)), np.array([[1.0], [2.0], [3.0]]))
        >>> left[:, 0].round(2).tolist(), rest(np.zeros((1, 1)), np.ones((1, 1)))
        ([-1.22, 0.0, 1.22], array([[-1.]]))
    """
    if len(values) < 2:
        return values, lambda _, others: others
    mean, level = codes.mean(axis=0, dtype=float), values.mean(axis=0, dtype=float)
    left, size, right = np.linalg.svd(codes - mean, full_matrices=False)
    seen = left.T @ (values - level)
    best = np.inf
    for damping in DAMPINGS * max(np.mean(size**2), 1e-30):
        kept = size**2 / (size**2 + damping)
        free = 1 - 1 / len(values) - (left**2) @ kept
        residuals = values - level - (left * kept) @ seen
        missed = np.mean((residuals / free[:, None]) ** 2)
        if missed < (1 - 1e-6) * best:
            best, found = missed, residuals / np.sqrt(free)[:, None]
            weights = right.T @ ((size / (size**2 + damping))[:, None] * seen)
    return found, lambda rows, others: others - level - (rows - mean) @ weights

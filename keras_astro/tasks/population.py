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

from keras_astro.tasks.dressing import line_width

# Squared mean depth at which half of a line's excess is believed.
BELIEVED = 0.01
# Part of the broadening that is believed: wrong lines look like some of it. Chosen on
# simulated gaps.
BROADENING = 0.3
# After the lines, the strength of all of them and their width are fitted again, for
# the continuum has moved.
ROUNDS = 3


@dataclass(frozen=True)
class Lines:
    """How observed lines differ from synthetic ones of the same labels.

    Args:
        strengths: Relative excess of depths, `(pixel,)`.
        broadening: Half of the variance added to profiles, in square pixels.

    Example:
        >>> Lines(np.array([0.5, 0.0]), 0.0).applied(np.array([[0.2, 0.2]])).round(2)
        array([[0.3, 0.2]])
    """

    strengths: np.ndarray
    broadening: float

    def applied(self, depth: np.ndarray) -> np.ndarray:
        """Depths, `(row, pixel)`, as observed: `d (1 + a) + k d''`."""
        return depth * (1 + self.strengths) + self.broadening * curvature(depth)


def population_lines(
    observed: np.ndarray, shown: Callable[[Lines], np.ndarray]
) -> Lines:
    """Lines with which the mean synthetic spectrum is the mean observed one.

    The difference of the means is fitted by a constant, the mean depth and its second
    derivative. Of what is left, single lines are as strong as it says, smoothed over a
    line's width: once, for doing it again would sharpen noise.

    Args:
        observed: Mean depth of the observed spectra, `(pixel,)`.
        shown: Lines to the mean depth of synthetic spectra with these, with noise and
            normalised as observed ones are.

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
        found = Lines(
            (1 + found.strengths) * (1 + step) - 1,
            found.broadening + BROADENING * weights[2],
        )
    return found


def curvature(depth: np.ndarray) -> np.ndarray:
    """Second derivative along the pixels."""
    return np.gradient(np.gradient(depth, axis=-1), axis=-1)


def explained(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weights of a constant and of codes in values, by least squares, lightly damped.

    Args:
        codes: `(row, code)`.
        values: `(row, value)`.

    Returns:
        `(1 + code, value)`.
    """
    design = with_constant(codes)
    damping = 1e-3 * len(codes) * np.mean(np.var(codes, axis=0))
    penalty = damping * np.diag([0.0] + [1.0] * codes.shape[1])
    return np.linalg.solve(design.T @ design + penalty, design.T @ values)


def with_constant(codes: np.ndarray) -> np.ndarray:
    """Codes after a column of ones."""
    return np.concatenate([np.ones((len(codes), 1)), codes], axis=1)

"""Proper scores: numbers that only the honest distribution makes smallest."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from keras_astro.errors import DataError
from keras_astro.metrics.arrays import vector
from keras_astro.metrics.regression import pulls
from keras_astro.metrics.reliability import class_probabilities


def crps_gaussian(truth, prediction, sigma) -> np.ndarray:
    """Continuous ranked probability score of Gaussian predictions, `(row,)`.

    `sigma (u (2 Phi(u) - 1) + 2 phi(u) - 1 / sqrt(pi))`, `u` the pull: in the
    parameter's unit, and the absolute error as sigma goes to 0.

    Raises:
        DataError: If the vectors do not match or a sigma is not positive.

    Reference:
        Gneiting and Raftery 2007, JASA 102, 359, equation 21.

    Example:
        >>> crps_gaussian([0.0], [0.0], [1.0]).round(4).tolist()
        [0.2337]
    """
    u = pulls(truth, prediction, sigma)
    score = u * (2.0 * norm.cdf(u) - 1.0) + 2.0 * norm.pdf(u) - 1.0 / np.sqrt(np.pi)
    return np.asarray(sigma, dtype=np.float64) * score


def crps_samples(truth, samples) -> np.ndarray:
    """Continuous ranked probability score from draws of any distribution, `(row,)`.

    `E|X - y| - E|X - X'| / 2`, the second expectation over pairs of different draws,
    which makes the estimate unbiased.

    Args:
        truth: `(row,)`.
        samples: `(row, draw)`, two draws or more.

    Raises:
        DataError: If the arrays do not match.

    Reference:
        Gneiting and Raftery 2007, JASA 102, 359, equation 20.

    Example:
        >>> crps_samples([0.0], [[-1.0, 1.0]]).tolist()
        [0.0]
    """
    truth = vector("truth", truth)
    samples = np.sort(np.asarray(samples, dtype=np.float64), axis=-1)
    if samples.ndim != 2 or len(samples) != truth.size or samples.shape[1] < 2:
        raise DataError(
            f"samples: expected ({truth.size}, 2 draws or more), received shape "
            f"{samples.shape}",
            hint="Draw twice or more for each row, rows first; samples.T turns (draw, "
            "row).",
        )
    n = samples.shape[1]
    error = np.abs(samples - truth[:, None]).mean(axis=1)
    # The sum of all pairwise distances, from the order statistics.
    order = 2.0 * np.arange(n) - n + 1.0
    return error - (samples * order).sum(axis=1) / (n * (n - 1.0))


def brier_score(labels, probabilities) -> float:
    """Mean squared distance of probabilities from the classes that came true.

    Args:
        labels: `(row,)`, integer classes.
        probabilities: `(row, class)`.

    Raises:
        DataError: If the arrays do not match.

    Reference:
        Brier 1950, Monthly Weather Review 78, 1.

    Example:
        >>> brier_score([0, 1], [[1.0, 0.0], [0.5, 0.5]])
        0.25
    """
    labels, probabilities = class_probabilities(labels, probabilities)
    came_true = np.eye(probabilities.shape[1])[labels]
    return float(np.mean(np.sum((probabilities - came_true) ** 2, axis=1)))

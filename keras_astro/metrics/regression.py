"""Errors of estimated parameters and honesty of their error bars."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from keras_astro.errors import DataError
from keras_astro.metrics.arrays import paired
from keras_astro.metrics.intervals import (
    LEVEL,
    Interval,
    binomial_interval,
    bootstrap_interval,
)

# 1 / Phi^-1(3/4): turns a median absolute deviation into a Gaussian sigma.
MAD_TO_SIGMA = 1.4826022185056018


def bias(truth, prediction) -> float:
    """Mean of prediction minus truth, in the parameter's unit.

    Example:
        >>> bias([1.0, 2.0], [1.5, 2.5])
        0.5
    """
    truth, prediction = paired(truth=truth, prediction=prediction)
    return float(np.mean(prediction - truth))


def rmse(truth, prediction) -> float:
    """Root mean squared error, in the parameter's unit.

    Example:
        >>> rmse([0.0, 0.0], [3.0, -3.0])
        3.0
    """
    truth, prediction = paired(truth=truth, prediction=prediction)
    return float(np.sqrt(np.mean((prediction - truth) ** 2)))


def rmse_interval(
    truth, prediction, *, level: float = LEVEL, resamples: int = 1000, seed: int = 0
) -> Interval:
    """Root mean squared error with a bootstrap interval over rows.

    Raises:
        DataError: If the vectors are empty, not finite or of unequal length.

    Example:
        >>> rmse_interval([0.0, 0.0, 0.0], [3.0, -3.0, 3.0]).value
        3.0
    """
    truth, prediction = paired(truth=truth, prediction=prediction)
    return bootstrap_interval(
        lambda squares: float(np.sqrt(np.mean(squares))),
        (prediction - truth) ** 2,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def sigma_nmad(truth, prediction) -> float:
    """Robust scatter: 1.4826 times the median absolute deviation of the residuals.

    Reference:
        Hoaglin, Mosteller and Tukey 1983, *Understanding Robust and Exploratory Data
        Analysis*; used for redshifts by Brammer et al. 2008, ApJ 686, 1503, eq. 5.

    Example:
        >>> round(sigma_nmad([0, 0, 0, 0, 0], [-1, 0, 1, 2, 100]), 4)
        1.4826
    """
    truth, prediction = paired(truth=truth, prediction=prediction)
    residual = prediction - truth
    return float(MAD_TO_SIGMA * np.median(np.abs(residual - np.median(residual))))


def pulls(truth, prediction, sigma) -> np.ndarray:
    """Errors in units of the predicted standard deviation, `(row,)`.

    Honest Gaussian error bars give pulls with mean 0 and standard deviation 1.

    Raises:
        DataError: If a predicted standard deviation is not positive.

    Example:
        >>> pulls([1.0], [2.0], [0.5]).tolist()
        [2.0]
    """
    truth, prediction, sigma = paired(truth=truth, prediction=prediction, sigma=sigma)
    if sigma.min() <= 0:
        raise DataError(
            "predicted standard deviation: expected positive values, received"
            f" {sigma.min():.4g} as the smallest",
            hint="Leave out rows without an error bar. Give standard deviations, not "
            "their logarithms.",
        )
    return (prediction - truth) / sigma


def pit(truth, prediction, sigma) -> np.ndarray:
    """Probability integral transform of Gaussian predictions, uniform when honest.

    Reference:
        Dawid 1984, J. R. Stat. Soc. A 147, 278.

    Example:
        >>> pit([1.0], [1.0], [0.5]).tolist()
        [0.5]
    """
    return norm.cdf(-pulls(truth, prediction, sigma))


def coverage(
    truth, prediction, sigma, *, nominal: float = 0.68, level: float = LEVEL
) -> Interval:
    """Fraction of truths inside the central Gaussian credible interval.

    Args:
        truth: `(row,)`.
        prediction: `(row,)`, predicted mean.
        sigma: `(row,)`, predicted standard deviation.
        nominal: Probability the credible interval should hold.
        level: Coverage of the Clopper-Pearson interval of the measured fraction.

    Raises:
        DataError: If the vectors do not match or a sigma is not positive.

    Example:
        >>> coverage([0.0, 0.0], [0.5, 5.0], [1.0, 1.0]).value
        0.5
    """
    inside = np.abs(pulls(truth, prediction, sigma)) <= norm.ppf(0.5 + nominal / 2.0)
    return binomial_interval(int(inside.sum()), inside.size, level=level)


def interval_coverage(truth, low, high, *, level: float = LEVEL) -> Interval:
    """Fraction of truths inside given intervals, e.g. posterior quantiles.

    Raises:
        DataError: If the vectors do not match or an interval is reversed.

    Example:
        >>> interval_coverage([1.0, 4.0], [0.0, 0.0], [2.0, 2.0]).value
        0.5
    """
    truth, low, high = paired(truth=truth, low=low, high=high)
    if np.any(low > high):
        raise DataError(
            f"intervals: expected low <= high, received {int((low > high).sum())}"
            " reversed rows",
            hint="Swap the ends of those rows, or take both from one posterior.",
        )
    inside = (low <= truth) & (truth <= high)
    return binomial_interval(int(inside.sum()), inside.size, level=level)

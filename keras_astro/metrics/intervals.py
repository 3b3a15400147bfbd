"""Numbers with their uncertainty: exact binomial and bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import beta

from keras_astro.errors import DataError
from keras_astro.metrics.arrays import paired

LEVEL = 0.95


class Interval(NamedTuple):
    """A measured number and the ends of its confidence interval.

    Example:
        >>> str(Interval(0.987, 0.981, 0.992))
        '0.987 [0.981, 0.992]'
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"

    def flipped(self) -> Interval:
        """Returns `1 - interval`, e.g. the AUC of the score with its sign changed."""
        return Interval(1.0 - self.value, 1.0 - self.high, 1.0 - self.low)


def binomial_interval(successes: int, trials: int, *, level: float = LEVEL) -> Interval:
    """Exact (Clopper-Pearson) interval of a rate.

    Args:
        successes: Number of successes.
        trials: Number of independent trials, at least 1.
        level: Coverage of the central interval.

    Raises:
        DataError: If there are no trials or the counts contradict each other.

    Reference:
        Clopper and Pearson 1934, Biometrika 26, 404: the ends are quantiles of
        `Beta(k, n - k + 1)` and `Beta(k + 1, n - k)`.

    Example:
        >>> round(binomial_interval(0, 100).high, 4)
        0.0362
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise DataError(
            "binomial interval: expected 0 <= successes <= trials and trials >= 1,"
            f" received {successes} of {trials}",
            hint="Count successes among the trials; no rate is known of no rows.",
        )
    tail = (1.0 - level) / 2.0
    failures = trials - successes
    low = beta.ppf(tail, successes, failures + 1) if successes else 0.0
    high = beta.ppf(1.0 - tail, successes + 1, failures) if failures else 1.0
    return Interval(successes / trials, float(low), float(high))


def percentile_interval(value: float, draws, *, level: float = LEVEL) -> Interval:
    """Interval from bootstrap draws: their central quantiles around `value`.

    Example:
        >>> percentile_interval(0.5, [0.0, 0.5, 1.0], level=0.5)
        Interval(value=0.5, low=0.25, high=0.75)
    """
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(np.asarray(draws, dtype=np.float64), [tail, 1.0 - tail])
    return Interval(float(value), float(low), float(high))


def bootstrap_interval(
    statistic: Callable[..., float],
    *vectors,
    level: float = LEVEL,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap of a statistic of rows that belong together.

    Args:
        statistic: Called with the resampled vectors; returns one number.
        *vectors: Each `(row,)`; a row keeps its partners when it is drawn.
        level: Coverage of the interval.
        resamples: Number of bootstrap draws.
        seed: Seed of the draws.

    Raises:
        DataError: If the vectors are empty, not finite or of unequal length.

    Reference:
        Efron 1979, Ann. Statist. 7, 1.

    Example:
        >>> interval = bootstrap_interval(np.mean, [1.0, 2.0, 3.0, 4.0])
        >>> interval.low < interval.value == 2.5 < interval.high
        True
    """
    arrays = paired(**{f"vector {i}": vector for i, vector in enumerate(vectors)})
    rng = np.random.default_rng(seed)
    rows = arrays[0].size
    draws = np.empty(resamples)
    for i in range(resamples):
        drawn = rng.integers(rows, size=rows)
        draws[i] = statistic(*(array[drawn] for array in arrays))
    return percentile_interval(statistic(*arrays), draws, level=level)

"""Split-conformal p-values: what a score means, without assumptions on its law.

For rows exchangeable with the calibration rows, P(p <= a) <= a for every a. Vovk,
Gammerman and Shafer 2005, *Algorithmic Learning in a Random World*, eq. 2.20.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import betabinom, ks_2samp, kstest

from keras_astro.errors import DataError
from keras_astro.metrics.arrays import paired, vector
from keras_astro.metrics.intervals import LEVEL, Interval, binomial_interval


class Uniformity(NamedTuple):
    """Kolmogorov-Smirnov distance from uniform and the p-value of that distance."""

    statistic: float
    p_value: float


class Band(NamedTuple):
    """Central band of the fraction of rows with p <= level, at each level."""

    low: np.ndarray
    high: np.ndarray


def conformal_p_values(scores, calibration) -> np.ndarray:
    """P-values of scores against held-out normal scores.

    `p = (1 + #{calibration >= score}) / (n + 1)`, so that the smallest possible
    p-value is `1 / (n + 1)`.

    Args:
        scores: `(row,)`, larger means more anomalous.
        calibration: `(n,)`, scores of normal rows that trained nothing.

    Returns:
        `(row,)` float64 in (0, 1].

    Raises:
        DataError: If an array is empty or not finite.

    Example:
        >>> conformal_p_values([0.0, 5.0], [1.0, 2.0, 3.0]).tolist()
        [1.0, 0.25]
    """
    scores = vector("scores", scores)
    ordered = np.sort(vector("calibration scores", calibration))
    at_least = ordered.size - np.searchsorted(ordered, scores, side="left")
    return (1.0 + at_least) / (ordered.size + 1.0)


def conformal_threshold(calibration, *, rate: float = 0.01) -> float:
    """Score above which (strictly) a row has a conformal p-value of at most `rate`.

    Args:
        calibration: `(n,)`, scores of normal rows that trained nothing.
        rate: The false positive rate wanted.

    Raises:
        DataError: If there are too few calibration rows to reach `rate`.

    Example:
        >>> conformal_threshold(range(1, 100), rate=0.01)
        99.0
    """
    ordered = np.sort(vector("calibration scores", calibration))
    # Guards 0.01 * 100 = 1 against rounding to just below it.
    allowed = int(np.floor(rate * (ordered.size + 1) * (1.0 + 1e-12)))
    if not 0.0 < rate < 1.0 or allowed < 1:
        raise DataError(
            f"conformal threshold: a false positive rate of {rate} needs at least"
            f" {int(np.ceil(1.0 / rate)) - 1 if rate > 0 else 'infinitely many'}"
            f" calibration rows, received {ordered.size}",
            hint="Hold out more normal rows or ask for a larger rate.",
        )
    return float(ordered[ordered.size - min(allowed, ordered.size)])


def realised_fpr(labels, flags, *, level: float = LEVEL) -> Interval:
    """Fraction of normal rows that were flagged, with its exact binomial interval.

    Args:
        labels: `(row,)`, 1 anomalous, 0 normal.
        flags: `(row,)`, true where the row was flagged.
        level: Coverage of the interval.

    Raises:
        DataError: If there is no normal row.

    Example:
        >>> realised_fpr([0, 0, 0, 0, 1], [True, False, False, False, True]).value
        0.25
    """
    labels, flags = paired(labels=labels, flags=flags)
    normal = flags[labels == 0] != 0
    return binomial_interval(int(normal.sum()), normal.size, level=level)


def uniformity_test(p_values, *, calibration_size: int | None = None) -> Uniformity:
    """Tests whether p-values of normal rows are uniform on (0, 1).

    Conformal p-values share one calibration sample and therefore move together. Given
    its size, the test is the two-sample Kolmogorov-Smirnov test of test scores against
    calibration scores, rebuilt from the p-values; without it, the one-sample test.

    Args:
        p_values: `(row,)` of normal rows.
        calibration_size: Number of calibration rows behind the p-values.

    Raises:
        DataError: If the p-values are empty, not finite or outside [0, 1].

    Example:
        >>> uniformity_test([0.125, 0.375, 0.625, 0.875]).statistic
        0.125
    """
    values = vector("p-values", p_values)
    if values.min() < 0.0 or values.max() > 1.0:
        raise DataError(
            "p-values: expected values in [0, 1], received"
            f" [{values.min():.4g}, {values.max():.4g}]",
            hint="Make them with keras_astro.metrics.conformal_p_values.",
        )
    if calibration_size is None:
        result = kstest(values, "uniform")
    else:
        # A row with c calibration scores at or above it lies between the c-th and
        # the next calibration score in descending order.
        counts = np.rint(values * (calibration_size + 1)) - 1.0
        result = ks_2samp(np.arange(1, calibration_size + 1), counts + 0.5)
    return Uniformity(float(result.statistic), float(result.pvalue))


def uniformity_band(
    levels, *, rows: int, calibration_size: int, coverage: float = LEVEL
) -> Band:
    """Where the fraction of normal rows with `p <= level` should lie.

    With `k = floor(level (n + 1))`, the number of such rows among `rows` follows
    BetaBinomial(rows, k, n + 1 - k), because the calibration quantile is Beta.

    Args:
        levels: `(level,)` in [0, 1].
        rows: Number of test rows.
        calibration_size: Number n of calibration rows.
        coverage: Pointwise coverage of the band.

    Reference:
        Angelopoulos and Bates 2023, Found. Trends Mach. Learn. 16, 494, sec. 3.2.

    Example:
        >>> band = uniformity_band([0.5], rows=1000, calibration_size=999)
        >>> bool(band.low[0] < 0.5 < band.high[0])
        True
    """
    levels = vector("levels", levels)
    ranks = np.floor(levels * (calibration_size + 1) * (1.0 + 1e-12))
    # At level 1 every row is below; at a level under 1/(n + 1) none is.
    low = np.where(ranks > calibration_size, 1.0, 0.0)
    high = low.copy()
    inner = (ranks > 0) & (ranks <= calibration_size)
    law = betabinom(rows, ranks[inner], calibration_size + 1 - ranks[inner])
    tail = (1.0 - coverage) / 2.0
    low[inner] = law.ppf(tail) / rows
    high[inner] = law.ppf(1.0 - tail) / rows
    return Band(low, high)

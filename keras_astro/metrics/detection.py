"""How well a score separates anomalous from normal rows: ROC, AUC, TPR at fixed FPR.

Larger scores mean more anomalous. Bootstrap intervals are stratified: normal and
anomalous rows are resampled apart, so that the class balance of the test set is kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from keras_astro.errors import DataError
from keras_astro.metrics.arrays import paired, two_classes
from keras_astro.metrics.intervals import (
    LEVEL,
    Interval,
    binomial_interval,
    percentile_interval,
)


class Roc(NamedTuple):
    """A ROC curve from (0, 0) to (1, 1): rows with score >= threshold are flagged."""

    fpr: np.ndarray
    tpr: np.ndarray
    thresholds: np.ndarray


class _Counts(NamedTuple):
    """Rows of each class at each distinct score, most anomalous score first."""

    negatives: np.ndarray
    positives: np.ndarray


def _coded(labels, scores):
    """Ranks the rows of each class among the distinct scores, in descending order."""
    negatives, positives = two_classes(labels, scores)
    values, codes = np.unique(
        -np.concatenate([negatives, positives]), return_inverse=True
    )
    return -values, codes[: negatives.size], codes[negatives.size :]


def _counted(size, negatives, positives) -> _Counts:
    return _Counts(
        np.bincount(negatives, minlength=size), np.bincount(positives, minlength=size)
    )


def _area(counts: _Counts) -> float:
    # Mann-Whitney U with ties counted half.
    above = np.cumsum(counts.positives) - 0.5 * counts.positives
    pairs = counts.positives.sum() * counts.negatives.sum()
    return float(np.dot(counts.negatives, above) / pairs)


def _power(counts: _Counts, rate: float) -> float:
    false = np.cumsum(counts.negatives) / counts.negatives.sum()
    true = np.cumsum(counts.positives) / counts.positives.sum()
    allowed = np.searchsorted(false, rate * (1.0 + 1e-12), side="right")
    return float(true[allowed - 1]) if allowed else 0.0


def _bootstrap(coded, statistic, *, resamples: int, seed: int) -> np.ndarray:
    values, negatives, positives = coded
    rng = np.random.default_rng(seed)
    draws = np.empty(resamples)
    for i in range(resamples):
        drawn = (
            negatives[rng.integers(negatives.size, size=negatives.size)],
            positives[rng.integers(positives.size, size=positives.size)],
        )
        draws[i] = statistic(_counted(values.size, *drawn))
    return draws


def roc_curve(labels, scores) -> Roc:
    """ROC curve with one point for each distinct score.

    Args:
        labels: `(row,)`, 1 anomalous, 0 normal.
        scores: `(row,)`, larger means more anomalous.

    Raises:
        DataError: If a class is absent or a score is not finite.

    Example:
        >>> roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8]).tpr.tolist()
        [0.0, 0.5, 0.5, 1.0, 1.0]
    """
    values, negatives, positives = _coded(labels, scores)
    counts = _counted(values.size, negatives, positives)
    fpr = np.concatenate([[0], np.cumsum(counts.negatives)]) / negatives.size
    tpr = np.concatenate([[0], np.cumsum(counts.positives)]) / positives.size
    return Roc(fpr, tpr, np.concatenate([[np.inf], values]))


def auc(labels, scores) -> float:
    """Area under the ROC curve: P(anomalous row scores above a normal one), ties half.

    Args:
        labels: `(row,)`, 1 anomalous, 0 normal.
        scores: `(row,)`, larger means more anomalous.

    Raises:
        DataError: If a class is absent or a score is not finite.

    Reference:
        Hanley and McNeil 1982, Radiology 143, 29.

    Example:
        >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8])
        0.75
    """
    values, negatives, positives = _coded(labels, scores)
    return _area(_counted(values.size, negatives, positives))


def auc_interval(
    labels, scores, *, level: float = LEVEL, resamples: int = 1000, seed: int = 0
) -> Interval:
    """AUC with a stratified bootstrap interval.

    The bootstrap has no spread when the classes separate perfectly. The interval then
    comes from `min(n0, n1)` disjoint pairs of rows, each a Bernoulli trial with the
    AUC as its rate, all of which succeeded (or failed).

    Args:
        labels: `(row,)`, 1 anomalous, 0 normal.
        scores: `(row,)`, larger means more anomalous.
        level: Coverage of the interval.
        resamples: Number of bootstrap draws.
        seed: Seed of the draws.

    Raises:
        DataError: If a class is absent or a score is not finite.

    Example:
        >>> interval = auc_interval([0] * 20 + [1] * 20, range(40))
        >>> interval.value, round(interval.low, 3)
        (1.0, 0.832)
    """
    coded = _coded(labels, scores)
    values, negatives, positives = coded
    area = _area(_counted(values.size, negatives, positives))
    if area in (0.0, 1.0):
        pairs = min(negatives.size, positives.size)
        return binomial_interval(round(area * pairs), pairs, level=level)
    draws = _bootstrap(coded, _area, resamples=resamples, seed=seed)
    return percentile_interval(area, draws, level=level)


def auc_difference(
    labels,
    scores,
    rival,
    *,
    level: float = LEVEL,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """AUC of `scores` minus that of `rival` on the same rows, by paired bootstrap.

    Pairing removes what both scores share, so that a small but steady gain is seen
    that two separate intervals would hide.

    Args:
        labels: `(row,)`, 1 anomalous, 0 normal.
        scores: `(row,)`, the score under test.
        rival: `(row,)`, the score to beat, e.g. a baseline's.
        level: Coverage of the interval.
        resamples: Number of bootstrap draws.
        seed: Seed of the draws; the same rows are drawn for both scores.

    Raises:
        DataError: If a class is absent, a score is not finite or lengths differ.

    Example:
        >>> auc_difference([0, 0, 1, 1], [1, 2, 3, 4], [1, 3, 2, 4]).value
        0.25
    """
    labels, scores, rival = paired(labels=labels, scores=scores, rival=rival)
    first, second = _coded(labels, scores), _coded(labels, rival)
    draws = [
        _bootstrap(coded, _area, resamples=resamples, seed=seed)
        for coded in (first, second)
    ]
    value = auc(labels, scores) - auc(labels, rival)
    return percentile_interval(value, draws[0] - draws[1], level=level)


def tpr_at_fpr(labels, scores, *, rate: float = 0.01) -> float:
    """Largest TPR of any threshold whose FPR is at most `rate` (no interpolation).

    Args:
        labels: `(row,)`, 1 anomalous, 0 normal.
        scores: `(row,)`, larger means more anomalous.
        rate: The false positive rate allowed.

    Raises:
        DataError: If a class is absent, a score is not finite or `rate` is no rate.

    Example:
        >>> tpr_at_fpr([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8], rate=0.5)
        1.0
    """
    _check_rate(rate)
    values, negatives, positives = _coded(labels, scores)
    return _power(_counted(values.size, negatives, positives), rate)


def tpr_at_fpr_interval(
    labels,
    scores,
    *,
    rate: float = 0.01,
    level: float = LEVEL,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """TPR at fixed FPR; the interval includes the uncertainty of the threshold.

    Args:
        labels: `(row,)`, 1 anomalous, 0 normal.
        scores: `(row,)`, larger means more anomalous.
        rate: The false positive rate allowed.
        level: Coverage of the interval.
        resamples: Number of bootstrap draws.
        seed: Seed of the draws.

    Raises:
        DataError: If a class is absent, a score is not finite or `rate` is no rate.

    Example:
        >>> labels, scores = [0] * 50 + [1] * 50, [*range(50), *range(25, 75)]
        >>> tpr_at_fpr_interval(labels, scores, rate=0.1).value
        0.6
    """
    _check_rate(rate)
    coded = _coded(labels, scores)
    draws = _bootstrap(coded, lambda c: _power(c, rate), resamples=resamples, seed=seed)
    value = tpr_at_fpr(labels, scores, rate=rate)
    size = int(np.sum(np.asarray(labels) == 1))
    if value in (0.0, 1.0) and np.all(draws == value):
        return binomial_interval(round(value * size), size, level=level)
    return percentile_interval(value, draws, level=level)


def _check_rate(rate: float) -> None:
    if not 0.0 < rate <= 1.0:
        raise DataError(
            f"false positive rate: expected 0 < rate <= 1, received {rate}",
            hint="Give 0.01, for example; divide percentages by 100.",
        )

"""AUC at equal covariate: what is left once a shortcut is taken away."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from keras_astro.metrics.arrays import paired
from keras_astro.metrics.intervals import LEVEL, Interval

# Below this many rows of a class a stratum's own AUC says little.
SMALLEST_STRATUM = 3


class MatchedAuc(NamedTuple):
    """The covariate-adjusted AUC and the fraction of rows that could be compared."""

    auc: Interval | None
    compared_fraction: float


def matched_auc(
    labels,
    scores,
    covariate,
    *,
    strata: int = 20,
    level: float = LEVEL,
    resamples: int = 500,
    seed: int = 0,
) -> MatchedAuc:
    """AUC within strata of a covariate, averaged over the strata's pairs.

    Rows are only compared with rows of nearly the same covariate, e.g. the same
    Einstein radius, so a score that merely measures the covariate falls to 0.5.

    Args:
        labels: `(row,)`, 1 anomalous, 0 normal.
        scores: `(row,)`, larger means more anomalous.
        covariate: `(row,)`, what to hold fixed.
        strata: Number of strata, equally spaced between the covariate's 0.5 and 99.5
            percentiles.
        level: Coverage of the bootstrap interval over strata's rows.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.

    Returns:
        No AUC when no stratum holds at least three rows of both classes: the classes
        do not overlap in the covariate.

    Reference:
        Janes and Pepe 2009, Biometrika 96, 371: the covariate-adjusted ROC curve.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> radius = rng.normal(size=4000) + np.repeat([0.0, 1.0], 2000)
        >>> labels = np.repeat([0, 1], 2000)
        >>> round(matched_auc(labels, radius, radius, strata=40).auc.value, 1)
        0.5
    """
    labels, scores, covariate = paired(
        labels=labels, scores=scores, covariate=covariate
    )
    pairs = _strata(labels, scores, covariate, strata)
    if not pairs:
        return MatchedAuc(None, 0.0)
    compared = sum(len(a) + len(b) for a, b in pairs) / len(scores)
    rng = np.random.default_rng(seed)
    draws = [
        _pooled([(rng.choice(a, len(a)), rng.choice(b, len(b))) for a, b in pairs])
        for _ in range(resamples)
    ]
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return MatchedAuc(Interval(_pooled(pairs), float(low), float(high)), compared)


def _strata(labels, scores, covariate, strata):
    low, high = np.percentile(covariate, [0.5, 99.5])
    member = np.digitize(covariate, np.linspace(low, high, strata + 1)[1:-1])
    pairs = [
        (scores[(member == s) & (labels == 0)], scores[(member == s) & (labels == 1)])
        for s in range(strata)
    ]
    return [p for p in pairs if min(len(p[0]), len(p[1])) >= SMALLEST_STRATUM]


def _pooled(pairs) -> float:
    above = total = 0.0
    for negatives, positives in pairs:
        ordered = np.sort(negatives)
        less = np.searchsorted(ordered, positives, side="left")
        less_or_equal = np.searchsorted(ordered, positives, side="right")
        above += float(np.sum(less + less_or_equal)) / 2
        total += len(negatives) * len(positives)
    return above / total

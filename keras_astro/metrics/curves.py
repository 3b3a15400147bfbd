"""Detection against a covariate: at which subhalo mass does a score begin to see?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from keras_astro.errors import DataError
from keras_astro.metrics.arrays import paired
from keras_astro.metrics.intervals import LEVEL, binomial_interval


class DetectionCurve(NamedTuple):
    """Detection rate in bins of a covariate; empty bins are left out.

    Attributes:
        low_edge: `(bin,)`, lower edges.
        high_edge: `(bin,)`, upper edges.
        centre: `(bin,)`, median covariate of the rows in the bin.
        rate: `(bin,)`, fraction detected.
        low: `(bin,)`, lower end of the binomial interval.
        high: `(bin,)`, upper end.
        count: `(bin,)`, number of rows.
    """

    low_edge: np.ndarray
    high_edge: np.ndarray
    centre: np.ndarray
    rate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: np.ndarray


def detection_curve(
    scores, covariate, *, threshold: float, bins=8, level: float = LEVEL
) -> DetectionCurve:
    """Fraction of anomalous rows above a threshold, in bins of a covariate.

    The threshold fixes the false positive rate and comes from normal rows, e.g. from
    `conformal_threshold`. With a number of bins, each holds about equally many rows.

    Args:
        scores: `(row,)` of the anomalous rows.
        covariate: `(row,)`, e.g. the subhalo mass fraction.
        threshold: Rows strictly above it are detected.
        bins: Number of bins of equal counts, or increasing bin edges.
        level: Coverage of the Clopper-Pearson intervals.

    Raises:
        DataError: If arrays do not match, or the edges exclude every row.

    Example:
        >>> curve = detection_curve([0, 2, 3, 4], [1, 2, 3, 4], threshold=1, bins=2)
        >>> curve.rate.tolist(), curve.count.tolist()
        ([0.5, 1.0], [2, 2])
    """
    scores, covariate = paired(scores=scores, covariate=covariate)
    edges = _edges(covariate, bins)
    # The last bin includes its upper edge, as in numpy.histogram.
    index = np.searchsorted(edges, covariate, side="right") - 1
    index[covariate == edges[-1]] = edges.size - 2
    rows = []
    for i in range(edges.size - 1):
        inside = index == i
        total = int(inside.sum())
        if total:
            found = int((scores[inside] > threshold).sum())
            rate = binomial_interval(found, total, level=level)
            middle = float(np.median(covariate[inside]))
            rows.append((edges[i], edges[i + 1], middle, *rate, total))
    if not rows:
        raise DataError(
            f"detection curve: no row lies between the edges {edges[0]:g} and"
            f" {edges[-1]:g}; the covariate runs from {covariate.min():g} to"
            f" {covariate.max():g}",
            hint="Give edges within that range, or a number of bins.",
        )
    return DetectionCurve(*(np.array(column) for column in zip(*rows, strict=True)))


def _edges(covariate: np.ndarray, bins) -> np.ndarray:
    if np.ndim(bins) == 0:
        return _distinct(np.quantile(covariate, np.linspace(0.0, 1.0, int(bins) + 1)))
    edges = np.asarray(bins, dtype=np.float64)
    if edges.size < 2 or np.any(np.diff(edges) <= 0):
        raise DataError(
            f"detection curve: expected increasing bin edges, received "
            f"{edges.tolist()}",
            hint="Sort them and give two or more, or give a number of bins.",
        )
    return edges


def _distinct(edges: np.ndarray) -> np.ndarray:
    edges = np.unique(edges)
    return edges if edges.size > 1 else np.repeat(edges, 2)

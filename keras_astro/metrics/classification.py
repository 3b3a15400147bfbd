"""Measures of classifiers: confusion, balanced accuracy, precision in a stream."""

from __future__ import annotations

import numpy as np

from keras_astro.errors import DataError


def confusion(truth, predicted, classes: int) -> np.ndarray:
    """Counts of rows by true and by predicted class, `(class, class)`.

    Example:
        >>> confusion([0, 0, 1], [0, 1, 1], 2).tolist()
        [[1, 1], [0, 1]]
    """
    table = np.zeros((classes, classes), int)
    np.add.at(table, (np.asarray(truth, int), np.asarray(predicted, int)), 1)
    return table


def balanced_accuracy(truth, predicted) -> float:
    """Mean recall of the classes that occur.

    Raises:
        DataError: If there are no rows.

    Example:
        >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0])
        0.5
    """
    truth, predicted = np.asarray(truth, int), np.asarray(predicted, int)
    if not truth.size:
        raise DataError(
            "balanced accuracy: expected rows, received none",
            hint="Give rows that have a label.",
        )
    return float(np.mean([np.mean(predicted[truth == c] == c) for c in set(truth)]))


def stream_precision(table: np.ndarray, priors) -> np.ndarray:
    """Precision of each class where classes occur with given shares, `(class,)`.

    With recall-like rates r[t, p] of true class t called p, it is
    `priors[p] r[p, p] / sum_t priors[t] r[t, p]`; NaN for what is never called.

    Args:
        table: As from `confusion`; every class that has a prior has rows.
        priors: Share of each true class in the stream.

    Example:
        >>> stream_precision(np.array([[9, 1], [1, 9]]), [0.5, 0.5]).tolist()
        [0.9, 0.9]
    """
    table = np.asarray(table, float)
    rates = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    called = np.asarray(priors, float)[:, None] * rates
    total = called.sum(axis=0)
    return np.where(total > 0, np.diag(called) / np.where(total > 0, total, 1), np.nan)

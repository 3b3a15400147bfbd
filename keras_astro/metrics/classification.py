"""Measures of classifiers: confusion, balanced accuracy, calibration."""

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
        raise DataError("balanced accuracy: expected rows, received none")
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


def negative_log_likelihood(logits: np.ndarray, truth: np.ndarray) -> float:
    """Mean cross-entropy of logits `(row, class)` in nats."""
    top = logits.max(axis=1, keepdims=True)
    total = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
    return float(np.mean(total - logits[np.arange(len(truth)), truth]))


def fit_temperature(logits, truth) -> float:
    """The temperature that makes rows most likely: one number, found by bisection.

    The cross-entropy is convex in 1 / T.

    Args:
        logits: `(row, class)`, up to a constant of each row.
        truth: `(row,)` class numbers.

    Reference:
        Guo et al. 2017, ICML, section 4.2.

    Example:
        >>> sure = np.array([[4.0, 0.0]] * 4)
        >>> round(fit_temperature(sure, np.array([0, 0, 0, 1])), 2)
        3.64
    """
    from scipy.optimize import minimize_scalar

    logits, truth = np.asarray(logits, float), np.asarray(truth, int)
    found = minimize_scalar(
        lambda power: negative_log_likelihood(logits * np.exp(-power), truth),
        bounds=(np.log(0.1), np.log(10.0)),
        method="bounded",
    )
    return float(np.exp(found.x))


def reliability(confidence, correct, *, bins: int = 10) -> dict[str, np.ndarray]:
    """Mean confidence, frequency of success and rows of equally full bins.

    Example:
        >>> found = reliability([0.9, 0.9, 0.5, 0.5], [1, 1, 1, 0], bins=2)
        >>> found["frequency"].tolist()
        [0.5, 1.0]
    """
    confidence = np.asarray(confidence, float)
    correct = np.asarray(correct, float)
    order = np.argsort(confidence, kind="stable")
    groups = [g for g in np.array_split(order, bins) if g.size]
    return {
        "confidence": np.array([confidence[g].mean() for g in groups]),
        "frequency": np.array([correct[g].mean() for g in groups]),
        "rows": np.array([g.size for g in groups]),
    }


def calibration_error(confidence, correct, *, bins: int = 10) -> float:
    """Expected calibration error: mean distance of confidence and frequency.

    Reference:
        Naeini, Cooper and Hauskrecht 2015, AAAI.

    Example:
        >>> calibration_error([1.0, 1.0], [1, 0], bins=1)
        0.5
    """
    found = reliability(confidence, correct, bins=bins)
    distance = np.abs(found["confidence"] - found["frequency"])
    return float(np.average(distance, weights=found["rows"]))

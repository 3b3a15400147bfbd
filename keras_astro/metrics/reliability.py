"""Do predicted probabilities come true as often as they say?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from keras_astro.errors import DataError
from keras_astro.metrics.arrays import paired

BINS = 15


class Reliability(NamedTuple):
    """Rows in bins of their predicted probability; only bins that hold rows.

    Args:
        probability: `(bin,)`, mean predicted probability.
        frequency: `(bin,)`, fraction of rows where it came true.
        rows: `(bin,)`, number of rows.
    """

    probability: np.ndarray
    frequency: np.ndarray
    rows: np.ndarray

    @property
    def calibration_error(self) -> float:
        """Expected calibration error.

        The mean over rows of `|frequency - probability|`.
        """
        share = self.rows / self.rows.sum()
        return float(np.sum(share * np.abs(self.frequency - self.probability)))


def reliability(
    came_true, probability, *, bins: int = BINS, equal_rows: bool = False
) -> Reliability:
    """Predicted against observed frequency of one event.

    Args:
        came_true: `(row,)`, 1 where the event happened, else 0.
        probability: `(row,)`, the predicted probability of the event.
        bins: Number of bins between 0 and 1.
        equal_rows: Whether bins hold equal numbers of rows instead of being equally
            wide.

    Raises:
        DataError: If the vectors do not match or hold anything else.

    Reference:
        DeGroot and Fienberg 1983, The Statistician 32, 12.

    Example:
        >>> found = reliability([0, 1, 1, 1], [0.2, 0.9, 0.9, 0.9], bins=2)
        >>> found.frequency.tolist(), found.rows.tolist()
        ([0.0, 1.0], [1, 3])
    """
    came_true, probability = paired(came_true=came_true, probability=probability)
    if not np.isin(came_true, (0.0, 1.0)).all():
        raise DataError(
            "reliability: expected outcomes of 0 and 1 only, received "
            f"{np.setdiff1d(came_true, (0.0, 1.0))[:5].tolist()}",
            hint="Give 1 where the event happened, such as (labels == 2).",
        )
    if probability.min() < 0.0 or probability.max() > 1.0:
        raise DataError(
            "reliability: expected probabilities in [0, 1], received"
            f" [{probability.min():.4g}, {probability.max():.4g}]",
            hint="Give probabilities: no logits, and no percentages.",
        )
    if bins < 1:
        raise DataError(
            f"reliability: expected 1 bin or more, received {bins}",
            hint=f"Leave it out for {BINS}.",
        )
    if equal_rows:
        rank = np.empty(probability.size, dtype=int)
        rank[np.argsort(probability, kind="stable")] = np.arange(probability.size)
        place = rank * bins // probability.size
    else:
        place = np.minimum((probability * bins).astype(int), bins - 1)
    rows = np.bincount(place, minlength=bins)
    held = rows > 0
    total = np.bincount(place, probability, minlength=bins)[held]
    true = np.bincount(place, came_true, minlength=bins)[held]
    return Reliability(total / rows[held], true / rows[held], rows[held])


def top_label_reliability(
    labels, probabilities, *, bins: int = BINS, equal_rows: bool = False
) -> Reliability:
    """Confidence in the most probable class against how often it is right.

    Args:
        labels: `(row,)`, integer classes.
        probabilities: `(row, class)`.
        bins: Number of bins between 0 and 1.
        equal_rows: Whether bins hold equal numbers of rows.

    Raises:
        DataError: If the arrays do not match.

    Reference:
        Guo et al. 2017, ICML, "On calibration of modern neural networks", equation 3.

    Example:
        >>> found = top_label_reliability([0, 1], [[0.8, 0.2], [0.8, 0.2]])
        >>> round(found.calibration_error, 6)
        0.3
    """
    labels, probabilities = class_probabilities(labels, probabilities)
    right = np.argmax(probabilities, axis=1) == labels
    return reliability(
        right, probabilities.max(axis=1), bins=bins, equal_rows=equal_rows
    )


def classwise_calibration_error(labels, probabilities, *, bins: int = BINS) -> float:
    """Mean over classes of the calibration error of each class against the rest.

    It also sees what the most probable class hides, such as a rare class that is
    always predicted too seldom.

    Raises:
        DataError: If the arrays do not match.

    Reference:
        Kull et al. 2019, NeurIPS, "Beyond temperature scaling", equation 2.

    Example:
        >>> round(classwise_calibration_error([0, 1], [[0.8, 0.2], [0.8, 0.2]]), 6)
        0.3
    """
    labels, probabilities = class_probabilities(labels, probabilities)
    errors = [
        reliability(labels == i, column, bins=bins).calibration_error
        for i, column in enumerate(probabilities.T)
    ]
    return float(np.mean(errors))


def class_probabilities(labels, probabilities) -> tuple[np.ndarray, np.ndarray]:
    """Integer labels `(row,)` and probabilities `(row, class)`, checked.

    Raises:
        DataError: If shapes do not match, a label is no class, or a row's
            probabilities do not add up to 1.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or probabilities.shape[1] < 2 or not len(probabilities):
        raise DataError(
            "probabilities: expected (row, class) with two classes or more, received "
            f"shape {probabilities.shape}",
            hint="Of one event give both columns: numpy.stack([1 - p, p], axis=1).",
        )
    sums = probabilities.sum(axis=1)
    if not (np.abs(sums - 1.0) < 1e-3).all() or probabilities.min() < 0.0:
        raise DataError(
            "probabilities: expected rows of non-negative numbers that add up to 1",
            hint="Give probabilities, not logits.",
        )
    return class_labels(labels, probabilities), probabilities


def class_labels(labels, table: np.ndarray) -> np.ndarray:
    """Integer labels `(row,)`, checked against a table `(row, class)`.

    Raises:
        DataError: If their number differs or a label is no class.
    """
    labels = np.asarray(labels)
    if labels.shape != (len(table),):
        raise DataError(
            f"labels: expected one for each of {len(table)} rows, received shape "
            f"{labels.shape}",
            hint="Give class numbers: argmax(axis=1) of one-hot labels.",
        )
    classes = np.arange(table.shape[1])
    if not np.isin(labels, classes).all():
        raise DataError(
            f"labels: expected integers from 0 to {classes[-1]}, received "
            f"{sorted(set(np.unique(labels).tolist()) - set(classes.tolist()))[:5]}",
            hint="Number classes from 0, in the order of the columns.",
        )
    return labels.astype(int)

"""Checked conversions of metric inputs: one place for shapes, NaNs and classes."""

from __future__ import annotations

import numpy as np

from keras_astro.errors import DataError


def vector(name: str, values) -> np.ndarray:
    """Returns `values` as a finite, non-empty float64 vector `(row,)`.

    Args:
        name: What the values are, for the error message.
        values: Anything NumPy can turn into one dimension.

    Raises:
        DataError: If the array is empty, not one-dimensional or not finite.

    Example:
        >>> vector("scores", [1, 2]).tolist()
        [1.0, 2.0]
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise DataError(
            f"{name}: expected a non-empty vector (row,), received shape {array.shape}",
            hint="Give one number a row: numpy.ravel flattens a column.",
        )
    bad = int(np.size(array) - np.isfinite(array).sum())
    if bad:
        raise DataError(
            f"{name}: expected finite values, received {bad} of {array.size} that are"
            " NaN or infinite",
            hint="Drop or flag those rows before measuring.",
        )
    return array


def paired(**vectors) -> tuple[np.ndarray, ...]:
    """Returns the named vectors, checked one by one and to be of one length.

    Raises:
        DataError: If a vector is not acceptable or the lengths differ.

    Example:
        >>> [v.size for v in paired(truth=[1.0, 2.0], prediction=[1.5, 2.5])]
        [2, 2]
    """
    arrays = {name: vector(name, values) for name, values in vectors.items()}
    sizes = {name: array.size for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise DataError(
            f"expected vectors of one length, but {listed} rows",
            hint="Give the same rows, in the same order, in all of them.",
        )
    return tuple(arrays.values())


def two_classes(labels, scores) -> tuple[np.ndarray, np.ndarray]:
    """Splits scores by class: `(negatives, positives)`, each `(row,)`.

    Args:
        labels: `(row,)`, 1 for anomalous and 0 for normal rows.
        scores: `(row,)`, larger means more anomalous.

    Raises:
        DataError: If labels are not 0 and 1, or one of the classes is absent.

    Example:
        >>> negatives, positives = two_classes([0, 1, 0], [0.1, 0.9, 0.2])
        >>> positives.tolist()
        [0.9]
    """
    labels, scores = paired(labels=labels, scores=scores)
    found = set(np.unique(labels).tolist())
    if found != {0.0, 1.0}:
        raise DataError(
            "labels: expected both classes, 0 (normal) and 1 (anomalous), received"
            f" the values {sorted(found)[:5]}",
            hint="A ROC needs rows of both classes; without labels report p-values.",
        )
    return scores[labels == 0], scores[labels == 1]

"""Weights of 8 bits whose errors cancel on the rows that a layer sees."""

from __future__ import annotations

import numpy as np

# Of the mean square of a layer's inputs: keeps the inverse finite where inputs are few.
DAMPING = 0.01
LARGEST = 127


def compensated(
    kernel: np.ndarray, moments: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rounds a kernel column by column; later columns make up for earlier errors.

    The inputs of a layer fill few of their dimensions, so that the weights yet to be
    rounded can cancel most of what rounding has done to the layer's outputs.

    Args:
        kernel: `(output, input)`.
        moments: Mean of x x^T over the layer's inputs x, `(input, input)`.

    Returns:
        Integers `(output, input)` of 8 bits, and the scale of each output.

    Reference:
        Frantar et al. 2023, ICLR, "GPTQ", equations 2 to 4.

    Example:
        >>> kernel, equal_inputs = np.array([[127.0, 0.4, 0.4]]), np.ones((3, 3))
        >>> [integers.tolist() for integers, _ in (nearest(kernel), compensated(
        ...     kernel, equal_inputs))]
        [[[127, 0, 0]], [[127, 0, 1]]]
    """
    scale = _scale(kernel)
    damping = DAMPING * np.mean(np.diag(moments)) + 1e-12
    order = np.argsort(-np.diag(moments))
    curvature = moments[np.ix_(order, order)] + damping * np.eye(len(moments))
    upper = np.linalg.cholesky(np.linalg.inv(curvature)).T
    left = kernel.astype(np.float64)[:, order]
    found = np.empty_like(left)
    for column in range(left.shape[1]):
        found[:, column] = _nearest(left[:, column : column + 1], scale)[:, 0]
        error = left[:, column] - found[:, column] * scale
        share = upper[column, column:] / upper[column, column]
        left[:, column:] -= np.outer(error, share)
    return found[:, np.argsort(order)].astype(np.int8), scale


def nearest(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rounds each weight by itself; for kernels whose inputs are not known.

    Args:
        kernel: `(output, input)`.

    Returns:
        As `compensated`.
    """
    scale = _scale(kernel)
    return _nearest(kernel, scale).astype(np.int8), scale


def _scale(kernel: np.ndarray) -> np.ndarray:
    # To clip the largest weight for the sake of finer steps gains nothing at 8 bits.
    return np.maximum(np.abs(kernel).max(axis=1), 1e-12) / LARGEST


def _nearest(kernel: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.clip(np.round(kernel / scale[:, None]), -LARGEST, LARGEST)

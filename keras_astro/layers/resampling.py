"""Interpolation and smoothing whose strength differs from row to row."""

from __future__ import annotations

from keras import ops


def cubic(distance):
    """Weight of a sample at a distance in pixels, by cubic convolution.

    Reference:
        Keys 1981, IEEE Trans. ASSP 29, 1153, equation 15.

    Example:
        >>> [float(cubic(ops.convert_to_tensor(d))) for d in (0.0, 0.5, 1.0, 1.5)]
        [1.0, 0.5625, 0.0, -0.0625]
    """
    d = ops.abs(distance)
    near = (1.5 * d - 2.5) * d * d + 1.0
    far = ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0
    return ops.where(d < 1, near, ops.where(d < 2, far, ops.zeros_like(d)))


def cubic_matrix(pixels: int, shift):
    """Matrices that move a row of pixels by `shift`, `(batch,)` in pixels.

    Returns:
        `(batch, pixels, pixels)`; pixel `i` becomes the value at `i - shift`.
    """
    grid = ops.arange(pixels, dtype="float32")
    places = ops.clip(grid - shift[:, None], 0.0, pixels - 1.0)
    weights = cubic(places[:, :, None] - grid)
    # At the edges, where a sample is missing, the others share its weight.
    return weights / ops.sum(weights, axis=-1, keepdims=True)


def gaussian_matrix(pixels: int, sigma):
    """Matrices that smooth a row of pixels with `sigma`, `(batch,)` in pixels."""
    grid = ops.arange(pixels, dtype="float32")
    square = (grid[:, None] - grid) ** 2
    # A sigma of 0 leaves exp(-inf) = 0 beside the pixel itself.
    weights = ops.exp(-0.5 * square / ops.maximum(sigma, 1e-3)[:, None, None] ** 2)
    return weights / ops.sum(weights, axis=-1, keepdims=True)


def take_cubic(rows, places):
    """Values of rows between their pixels, by cubic convolution.

    Args:
        rows: `(batch, pixel)` or `(batch, pixel, channel)`.
        places: `(batch, place)`, in pixels; those outside are moved to the ends.

    Returns:
        `(batch, place)` or `(batch, place, channel)`, of the type of `rows`.
    """
    last = rows.shape[1] - 1
    single = ops.cast(rows, "float32")
    places = ops.clip(places, 0.0, float(last))
    left = ops.cast(ops.floor(places), "int32")
    total = 0.0
    for step in (-1, 0, 1, 2):
        index = left + step
        weight = cubic(places - ops.cast(index, "float32"))
        index = ops.clip(index, 0, last)
        if len(rows.shape) == 3:
            index, weight = index[:, :, None], weight[:, :, None]
        total = total + weight * ops.take_along_axis(single, index, axis=1)
    return ops.cast(total, rows.dtype)

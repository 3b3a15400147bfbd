"""Linear interpolation of a grid to another size, the same in every runtime."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_astro.registry import register


@register()
class LinearResize(keras.layers.Layer):
    """Linear interpolation along each axis between batch and channels.

    Pixel `i` of `m` lies at `(i + 1/2) n / m - 1/2` among `n`, beyond the centres of
    the outer pixels at their values. It is `keras.layers.Resizing` with `bilinear`,
    except that it has one axis or two, that positions are computed in double
    precision, and that XLA gives the same, which for ratios that are not whole it does
    not with that layer.

    Args:
        sizes: Sizes wanted, one an axis.

    Input shape: `(batch, pixel, channel)` or `(batch, y, x, channel)`.
    Output shape: the same with the sizes wanted.

    Example:
        >>> x = ops.convert_to_tensor([[[0.0], [1.0]]])
        >>> ops.convert_to_numpy(LinearResize([4])(x))[0, :, 0].tolist()
        [0.0, 0.25, 0.75, 1.0]
    """

    def __init__(self, sizes: Sequence[int], **kwargs):
        super().__init__(**kwargs)
        self.sizes = [int(size) for size in sizes]

    def call(self, x):
        for axis, size in enumerate(self.sizes, start=1):
            if x.shape[axis] != size:
                x = self._along(x, axis, size)
        return x

    def _along(self, x, axis, size):
        below, above, share = neighbours(x.shape[axis], size)
        shape = [1] * len(x.shape)
        shape[axis] = size
        weight = ops.convert_to_tensor(share.reshape(shape), dtype=x.dtype)
        low, high = ops.take(x, below, axis=axis), ops.take(x, above, axis=axis)
        return low + weight * (high - low)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.sizes, input_shape[-1])

    def get_config(self):
        return super().get_config() | {"sizes": self.sizes}


def neighbours(size: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the two pixels around each new one, and the share of the second."""
    place = (np.arange(wanted) + 0.5) * size / wanted - 0.5
    place = np.clip(place, 0.0, size - 1.0)
    below = np.minimum(place.astype("int32"), max(size - 2, 0))
    above = np.minimum(below + 1, size - 1)
    return below, above, (place - below).astype("float32")

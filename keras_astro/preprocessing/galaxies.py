"""Preprocessing of galaxy cutouts whose noise level is known."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from keras_astro.registry import register


@register()
class SignalToNoise(keras.layers.Layer):
    """Divides each image by its noise level.

    Input shape: images `(batch, y, x, band)` and noise levels `(batch,)`.
    Output shape: that of the images.

    Example:
        >>> layer = SignalToNoise()
        >>> float(layer([ops.ones((1, 2, 2, 1)), ops.full((1,), 4.0)])[0, 0, 0, 0])
        0.25
    """

    def call(self, pair):
        images, sigma = pair
        return images / ops.reshape(sigma, (-1, 1, 1, 1))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])


@register()
class PointFold(keras.layers.Layer):
    """Averages an image with itself turned by half a turn, and keeps one half.

    A sheared galaxy looks the same upside down, so that the average of the two says
    all that the image says, with less noise, on half of the pixels.

    Args:
        margin: Rows kept beyond the centre, so that convolutions see across it.

    Input shape: `(batch, y, x, band)`, the galaxy at the centre, y even.
    Output shape: `(batch, y / 2 + margin, x, band)`.

    Example:
        >>> PointFold(1)(ops.ones((1, 8, 8, 1))).shape
        TensorShape([1, 5, 8, 1])
    """

    def __init__(self, margin: int, **kwargs):
        super().__init__(**kwargs)
        self.margin = margin

    def call(self, images):
        turned = ops.flip(images, axis=(1, 2))
        start = images.shape[1] // 2 - self.margin
        return 0.5 * (images + turned)[:, start:]

    def compute_output_shape(self, input_shape):
        batch, y, x, band = input_shape
        return (batch, y // 2 + self.margin, x, band)

    def get_config(self):
        return super().get_config() | {"margin": self.margin}


@register()
class GaussianApertures(keras.layers.Layer):
    """Sums of an image in Gaussian windows around its centre.

    Args:
        sigma_pixels: Standard deviations of the windows.
        unit: What the sums are divided by.

    Input shape: `(batch, y, x, band)`.
    Output shape: `(batch, window * band)`, linear in the flux.

    Example:
        >>> round(float(GaussianApertures([1.0])(ops.ones((1, 16, 16, 1)))[0, 0]), 3)
        6.283
    """

    def __init__(self, sigma_pixels, unit=1.0, **kwargs):
        super().__init__(**kwargs)
        self.sigma_pixels = list(map(float, sigma_pixels))
        self.unit = float(unit)

    def build(self, input_shape):
        y, x = (
            np.exp(
                -0.5
                * (np.arange(side) - (side - 1) / 2) ** 2
                / np.square(self.sigma_pixels)[:, None]
            )
            for side in input_shape[1:3]
        )
        self.windows = np.einsum("wy,wx->yxw", y, x)
        super().build(input_shape)

    def call(self, images):
        _, y, x, band = images.shape
        windows = ops.convert_to_tensor(
            self.windows.reshape(y * x, -1).astype("float32")
        )
        # In two steps: in half precision, one over a typical flux is nearly nothing.
        root = math.sqrt(self.unit)
        flat = ops.reshape(ops.transpose(images, (0, 3, 1, 2)), (-1, band, y * x))
        sums = ops.matmul(flat / root, windows) / root
        return ops.reshape(sums, (-1, band * windows.shape[1]))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[3] * len(self.sigma_pixels))

    def get_config(self):
        return super().get_config() | {
            "sigma_pixels": self.sigma_pixels,
            "unit": self.unit,
        }

"""Image preprocessing as layers, so that raw pixels enter the exported graph."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_astro.errors import ConfigError
from keras_astro.registry import register


def asinh(x):
    """Inverse hyperbolic sine by logarithm and root: small runtimes have none.

    Example:
        >>> round(float(asinh(ops.array(-2.0))), 4)
        -1.4436
    """
    magnitude = ops.abs(x)
    return ops.sign(x) * ops.log(magnitude + ops.sqrt(magnitude * magnitude + 1.0))


@register()
class PeakNormalise(keras.layers.Layer):
    """Divides each image by its brightest pixel, so that any linear unit will do.

    An image without a positive pixel passes unchanged.

    Input shape: `(batch, y, x, band)`, any linear unit.
    Output shape: the same, at most 1.

    Example:
        >>> layer = PeakNormalise()
        >>> float(ops.max(layer(200.0 * ops.ones((1, 4, 4, 1)))))
        1.0
    """

    def call(self, images):
        peak = ops.max(images, axis=(1, 2, 3), keepdims=True)
        return images / ops.where(peak > 0, peak, ops.ones_like(peak))


@register()
class CenterCrop(keras.layers.Layer):
    """Keeps the central square; the lens stands there, the rest is sky.

    Args:
        pixels: Side of the square in pixels.

    Input shape: `(batch, y, x, band)`, sides of at least `pixels`.
    Output shape: `(batch, pixels, pixels, band)`.

    Raises:
        ConfigError: If an image is smaller than the square.
    """

    def __init__(self, pixels: int, **kwargs):
        super().__init__(**kwargs)
        self.pixels = pixels

    def build(self, input_shape):
        if min(input_shape[1:3]) < self.pixels:
            raise ConfigError(
                f"preprocessing.crop_pixels = {self.pixels}: images are only "
                f"{input_shape[1]} x {input_shape[2]} pixels",
                hint=f"Use --set preprocessing.crop_pixels={min(input_shape[1:3])}",
            )
        super().build(input_shape)

    def call(self, images):
        if images.shape[1] == images.shape[2] == self.pixels:
            # Small runtimes would copy it number by number.
            return images
        top = (images.shape[1] - self.pixels) // 2
        left = (images.shape[2] - self.pixels) // 2
        return images[:, top : top + self.pixels, left : left + self.pixels, :]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.pixels, self.pixels, input_shape[3])

    def get_config(self):
        return super().get_config() | {"pixels": self.pixels}


@register()
class AsinhStretch(keras.layers.Layer):
    """Linear for the faint, logarithmic for the bright: asinh(x / s) / asinh(1 / s).

    Args:
        softening: `s`, the level in units of the peak where the two meet.

    Input shape: `(batch, ...)`, in units of the peak.
    Output shape: the same; 0 stays 0 and 1 stays 1.

    Reference:
        Lupton, Gunn and Szalay 1999, AJ 118, 1406, equation 3.

    Example:
        >>> round(float(AsinhStretch(0.1)(ops.ones((1, 1)))[0, 0]), 3)
        1.0
    """

    def __init__(self, softening: float, **kwargs):
        super().__init__(**kwargs)
        if not softening > 0:
            raise ConfigError(
                f"softening: expected above 0, received {softening}",
                hint="Give 0.1, for example: a tenth of the peak.",
            )
        self.softening = softening

    def call(self, images):
        return asinh(images / self.softening) / math.asinh(1.0 / self.softening)

    def get_config(self):
        return super().get_config() | {"softening": self.softening}


@register()
class MeanBin(keras.layers.Layer):
    """Averages blocks of pixels: less noise, fewer numbers.

    Args:
        pixels: Side of a block; it divides both sides of the image.

    Input shape: `(batch, y, x, band)`.
    Output shape: `(batch, y / pixels, x / pixels, band)`.

    Raises:
        ConfigError: If blocks do not fill the image.
    """

    def __init__(self, pixels: int, **kwargs):
        super().__init__(**kwargs)
        self.pixels = pixels

    def build(self, input_shape):
        if input_shape[1] % self.pixels or input_shape[2] % self.pixels:
            raise ConfigError(
                f"preprocessing.bin_pixels = {self.pixels} does not divide the image "
                f"of {input_shape[1]} x {input_shape[2]} pixels",
                hint="Set preprocessing.bin_pixels to a divisor, or to 1.",
            )
        super().build(input_shape)

    def call(self, images):
        return ops.average_pool(images, self.pixels, strides=self.pixels)

    def compute_output_shape(self, input_shape):
        batch, y, x, band = input_shape
        return (batch, y // self.pixels, x // self.pixels, band)

    def get_config(self):
        return super().get_config() | {"pixels": self.pixels}

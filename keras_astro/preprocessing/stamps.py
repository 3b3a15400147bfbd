"""Alert stamps to frames: mask, normalise by the noise, crop, fill; in the graph."""

from __future__ import annotations

from typing import Literal

import keras
import numpy as np
from keras import ops

from keras_astro.data.alert_schema import SENTINEL
from keras_astro.errors import ConfigError
from keras_astro.preprocessing.images import asinh
from keras_astro.registry import register

# Channels of a stamp.
SCIENCE, TEMPLATE, DIFFERENCE = 0, 1, 2
NORMALISATIONS = ("asinh", "minmax", "l2")
CLIPPING_STEPS = 8


@register()
class ValidPixels(keras.layers.Layer):
    """Replaces what is no measurement by zero and says where that was.

    Invalid are NaN, infinities and fill values such as the largest float. Comparisons
    are used instead of tests for NaN, which small runtimes lack.

    Input shape: `(batch, y, x, channel)`, any unit.
    Output shape: two of `(batch, y, x, channel)`: values, and 1 where they are valid.

    Example:
        >>> values, valid = ValidPixels()(ops.array([[[[float("nan")]], [[2.0]]]]))
        >>> values[0, :, 0, 0].numpy().tolist(), valid[0, :, 0, 0].numpy().tolist()
        ([0.0, 2.0], [0.0, 1.0])
    """

    def call(self, stamps):
        valid = ops.abs(stamps) < SENTINEL
        values = ops.where(valid, stamps, ops.zeros_like(stamps))
        return values, ops.cast(valid, stamps.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape, input_shape


@register()
class SkyStatistics(keras.layers.Layer):
    """Level and noise of the sky on each image, of every second pixel.

    Input shape: values and validity, each `(batch, y, x, channel)`.
    Output shape: mean and sd of what is left without sources, both
        `(batch, 1, 1, channel)`.
    """

    def call(self, inputs):
        return clipped_statistics(*map(_every_second, inputs))

    def compute_output_shape(self, input_shape):
        batch, _, _, channel = input_shape[0]
        return ((batch, 1, 1, channel),) * 2


@register()
class StampScale(keras.layers.Layer):
    """What brings each stamp to one scale, from its valid pixels.

    `asinh` takes each channel's sky as zero and the noise of the difference image as
    unit, which keeps the ratio of science to template and how bright a source is;
    `minmax` maps each channel to 0 to 1; `l2` divides each by its length.

    Args:
        method: `asinh`, `minmax` or `l2`.

    Input shape: values and validity, each `(batch, y, x, 3)`; sky and noise as of
        `SkyStatistics`.
    Output shape: zero and unit of each channel, both `(batch, 1, 1, 3)`, for
        `ScaleStamps`.

    Raises:
        ConfigError: If the method is unknown.
    """

    def __init__(self, method: Literal["asinh", "minmax", "l2"] = "asinh", **kwargs):
        super().__init__(**kwargs)
        if method not in NORMALISATIONS:
            raise ConfigError(
                f"preprocessing.normalise = {method}: expected one of "
                f"{', '.join(NORMALISATIONS)}",
                hint="Use --set preprocessing.normalise=asinh",
            )
        self.method = method

    def build(self, input_shape):
        # Found when a file of another version is read, and not when it is run.
        if len(input_shape) != 4:
            raise ValueError(
                f"{self.name}: expected values, validity, sky and noise, found "
                f"{len(input_shape)} tensors"
            )
        super().build(input_shape)

    def call(self, inputs):
        values, valid, sky, noise = inputs
        if self.method == "asinh":
            unit = noise[..., DIFFERENCE : DIFFERENCE + 1]
            return sky, unit * ops.ones_like(noise)
        if self.method == "minmax":
            far = SENTINEL * (1.0 - valid)
            low = ops.min(values + far, axis=(1, 2), keepdims=True)
            high = ops.max(values - far, axis=(1, 2), keepdims=True)
            return low, ops.maximum(high - low, 1e-6)
        length = ops.sqrt(ops.sum(values * values, axis=(1, 2), keepdims=True))
        return ops.zeros_like(length), ops.maximum(length, 1e-6)

    def compute_output_shape(self, input_shape):
        batch, _, _, channel = input_shape[0]
        return ((batch, 1, 1, channel),) * 2

    def get_config(self):
        return super().get_config() | {"method": self.method}


@register()
class ScaleStamps(keras.layers.Layer):
    """Applies what `StampScale` found to a stamp, to a part of it or to its means.

    Pixels without data count as zero of the new scale. That the scale is applied last,
    to no more pixels than a network sees, saves a third of the preprocessing's time.

    Input shape: values and validity, each `(batch, y, x, 3)`, of single pixels or means
        over some; zero and unit, `(batch, 1, 1, 3)`.
    Output shape: `(batch, y, x, 3)`.

    Example:
        >>> values, valid = ops.array([[[[7.0], [0.0]]]]), ops.array([[[[1.0], [0.0]]]])
        >>> zero, unit = ops.ones((1, 1, 1, 1)), 2 * ops.ones((1, 1, 1, 1))
        >>> ScaleStamps()([values, valid, zero, unit])[0, 0, :, 0].numpy().tolist()
        [3.0, 0.0]
    """

    def call(self, inputs):
        values, valid, zero, unit = inputs
        return (values - zero * valid) / unit

    def compute_output_shape(self, input_shape):
        return input_shape[0]


def _every_second(images):
    """Every second pixel along y and x.

    Gathered, not sliced: small runtimes copy a gathered row as one piece, and a slice
    with steps number by number.
    """
    for axis in (1, 2):
        images = ops.take(images, np.arange(0, images.shape[axis], 2), axis=axis)
    return images


def clipped_statistics(values, valid):
    """Mean and sd of each channel without the sources on it.

    Starts from all valid pixels and repeats without those beyond 2.5 sd; what is cut
    from a Gaussian that way lowers the sd by a tenth, which is given back.

    Args:
        values: `(batch, y, x, channel)`.
        valid: 1 where `values` counts.

    Returns:
        Two tensors `(batch, 1, 1, channel)`; the sd is 1 where nothing is valid.
    """
    # Pixels last: small runtimes sum and broadcast along that axis at half the cost.
    values, valid = (pixels_last(tensor) for tensor in (values, valid))
    weight = valid
    for _ in range(CLIPPING_STEPS):
        count = ops.maximum(ops.sum(weight, axis=2, keepdims=True), 1.0)
        mean = ops.sum(weight * values, axis=2, keepdims=True) / count
        square = ops.square(values - mean)
        variance = ops.sum(weight * square, axis=2, keepdims=True) / count
        weight = valid * ops.cast(square < 6.25 * variance, values.dtype)
    sd = 1.1 * ops.sqrt(variance)
    sd = ops.where(sd > 1e-6, sd, ops.ones_like(sd))
    shape = (-1, 1, 1, values.shape[1])
    return ops.reshape(mean, shape), ops.reshape(sd, shape)


def pixels_last(images, chosen: np.ndarray | None = None):
    """`(batch, y, x, channel)` to `(batch, channel, pixel)`, of all pixels or some."""
    _, y, x, channel = images.shape
    flat = ops.reshape(images, (-1, y * x, channel))
    if chosen is not None:
        flat = ops.take(flat, chosen, axis=1)
    return ops.transpose(flat, (0, 2, 1))


@register()
class StretchStamps(keras.layers.Layer):
    """Linear in the noise, logarithmic above: asinh(x / softening) / 3.

    Args:
        softening: Level in units of the noise where the two meet.

    Input shape: `(batch, ...)`, in units of the noise.
    Output shape: the same.

    Reference:
        Lupton, Gunn and Szalay 1999, AJ 118, 1406, equation 3.
    """

    def __init__(self, softening: float, **kwargs):
        super().__init__(**kwargs)
        if not softening > 0:
            raise ConfigError(
                f"softening should be positive, received {softening}",
                hint="Alert frames are softened at 1 and 3 noises.",
            )
        self.softening = softening

    def call(self, frames):
        return asinh(frames / self.softening) / 3.0

    def get_config(self):
        return super().get_config() | {"softening": self.softening}


def orientations(count: int) -> range:
    """Numbers of `Turn` that are spread evenly, the first of them 0.

    Args:
        count: 1, 2 (half turns), 4 (quarter turns) or 8 (mirrored, too).

    Example:
        >>> [list(orientations(count)) for count in (1, 2, 4)]
        [[0], [0, 2], [0, 1, 2, 3]]
    """
    return range(8) if count == 8 else range(0, 4, 4 // count)


@register()
class Turn(keras.layers.Layer):
    """Turns images by quarter turns; odd numbers beyond 3 are mirrored first.

    Args:
        number: 0 to 7, one of the eight symmetries of a square.

    Input shape: `(batch, y, x, channel)`, square.
    Output shape: the same.
    """

    def __init__(self, number: int, **kwargs):
        super().__init__(**kwargs)
        self.number = number

    def call(self, images):
        return turned(images, self.number)

    def get_config(self):
        return super().get_config() | {"number": self.number}


def turned(images, number: int):
    """One of the eight symmetries of a square, of each image."""
    if number >= 4:
        images = ops.flip(images, 2)
    quarter = number % 4
    if quarter % 2:
        images = ops.transpose(images, (0, 2, 1, 3))
    if quarter in (1, 2):
        images = ops.flip(images, 1)
    if quarter in (2, 3):
        images = ops.flip(images, 2)
    return images


@register()
class RandomTurns(keras.layers.Layer):
    """In training, turns each image at random: the sky has no preferred direction.

    Args:
        seed: Seed of the turns.

    Input shape: `(batch, y, x, channel)`, square.
    Output shape: the same.
    """

    def __init__(self, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.draws = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        if not training:
            return images
        rows = ops.shape(images)[0]
        chosen = keras.random.uniform((3, rows, 1, 1, 1), seed=self.draws) < 0.5
        images = ops.where(chosen[0], ops.flip(images, 1), images)
        images = ops.where(chosen[1], ops.flip(images, 2), images)
        return ops.where(chosen[2], ops.transpose(images, (0, 2, 1, 3)), images)

    def get_config(self):
        return super().get_config() | {"seed": self.seed}

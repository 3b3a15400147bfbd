"""From an image and its reconstruction to scores and an anomaly map."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_astro.registry import register


@register()
class MeanSquaredResidual(keras.layers.Layer):
    """Mean square of the difference of two tensors, one number a row.

    Input shape: two tensors `(batch, ...)`.
    Output shape: `(batch,)`.

    Example:
        >>> layer = MeanSquaredResidual()
        >>> float(layer([ops.ones((1, 4)), ops.zeros((1, 4))])[0])
        1.0
    """

    def call(self, pair):
        image, reconstruction = pair
        square = (image - reconstruction) ** 2
        return ops.mean(square, axis=tuple(range(1, len(square.shape))))

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0],)


@register()
class AnomalyMap(keras.layers.Layer):
    """Smoothed residual over the sd it has on normal rows, pixel by pixel.

    Smoothing with a Gaussian of the size of a feature is the matched filter for it;
    dividing by the expected sd keeps bright nuclei from dominating.

    Args:
        smoothing_pixels: Standard deviation of the Gaussian, in pixels of the frame.

    Input shape: image and reconstruction, each `(batch, y, x, band)`.
    Output shape: `(batch, y, x)`, in units of the expected sd.
    """

    def __init__(self, smoothing_pixels: float, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.smoothing_pixels = smoothing_pixels

    def build(self, input_shape):
        _, y, x, band = input_shape[0]
        self.expected_sd = self.add_weight(
            shape=(y, x), initializer="ones", trainable=False, name="expected_sd"
        )
        self.kernel = gaussian_kernel(self.smoothing_pixels, band)

    def smooth(self, pair):
        """The smoothed residual before division, averaged over bands."""
        image, reconstruction = pair
        kernel = ops.convert_to_tensor(self.kernel, dtype=self.compute_dtype)
        return ops.conv(image - reconstruction, kernel, padding="same")[..., 0]

    def call(self, pair):
        return self.smooth(pair) / self.expected_sd

    def set_expected_sd(self, sd: np.ndarray) -> None:
        """Sets the sd map `(y, x)`, measured on normal rows that trained nothing."""
        # Where almost nothing varies, almost nothing would be many sd: the typical
        # pixel sets the floor.
        self.expected_sd.assign(np.maximum(sd, np.median(sd) + 1e-12))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0][:3])

    def get_config(self):
        config = super().get_config() | {"smoothing_pixels": self.smoothing_pixels}
        config.pop("trainable", None)
        return config


@register()
class MapMaximum(keras.layers.Layer):
    """Largest absolute value of a map, one number a row.

    Input shape: `(batch, y, x)`.
    Output shape: `(batch,)`.
    """

    def call(self, maps):
        return ops.max(ops.abs(maps), axis=(1, 2))

    def compute_output_shape(self, input_shape):
        return (input_shape[0],)


def gaussian_kernel(sigma: float, bands: int) -> np.ndarray:
    """A Gaussian that smooths and averages over bands, `(y, x, band, 1)`; sum 1."""
    radius = int(np.ceil(3 * sigma))
    offsets = np.arange(-radius, radius + 1)
    profile = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = np.outer(profile, profile) / profile.sum() ** 2
    repeated = np.repeat(kernel[:, :, None, None], bands, axis=2)
    return (repeated / bands).astype("float32")


@register()
class ReconstructionPenalty(keras.layers.Layer):
    """Adds the mean squared error of a reconstruction to the loss, as a named part.

    Args:
        weight: Factor of the error.

    Input shape: frame and reconstruction, each `(batch, y, x, channel)`, and a third
        tensor where one is to be passed on.
    Output shape: the last of them, unchanged.
    """

    def __init__(self, weight: float, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight
        self.part = keras.metrics.Mean(name="reconstruction")

    def call(self, inputs):
        frame, reconstruction = inputs[:2]
        error = ops.mean(ops.square(frame - reconstruction))
        self.add_loss(self.weight * error)
        self.part.update_state(error)
        return inputs[-1]

    def compute_output_shape(self, input_shape):
        return input_shape[-1]

    def get_config(self):
        return super().get_config() | {"weight": self.weight}


@register()
class SquareMean(keras.layers.Layer):
    """Mean square of each row of a table, one number a row.

    Input shape: `(batch, width)`.
    Output shape: `(batch,)`.

    Example:
        >>> float(SquareMean()(ops.array([[1.0, 3.0]]))[0])
        5.0
    """

    def call(self, table):
        return ops.mean(table * table, axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0],)

"""Reconstruction error of spectra in which not every pixel counts the same."""

from __future__ import annotations

import keras
from keras import ops

from keras_astro.registry import register


@register()
class SpectrumError(keras.losses.Loss):
    """Weighted mean squared error, in units of what the mean spectrum leaves.

    `sum_i w_i (x_i - y_i)^2 / (P scale)`

    Args:
        scale: What an error is divided by, such as the variance of the training rows.
        weighted: Whether targets carry weights behind their values.

    Input shape: targets `(batch, pixel)`, or with weights `(batch, 2 * pixel)`;
        predictions `(batch, pixel)`.

    Example:
        >>> loss = SpectrumError(weighted=True)
        >>> truth = ops.convert_to_tensor([[1.0, 9.0, 1.0, 0.0]])
        >>> float(loss(truth, ops.zeros((1, 2))))
        0.5
    """

    def __init__(
        self,
        scale: float = 1.0,
        weighted: bool = False,
        name="spectrum_error",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.scale = scale
        self.weighted = weighted

    def call(self, y_true, y_pred):
        pixels = y_pred.shape[-1]
        square = (y_true[:, :pixels] - y_pred) ** 2
        if self.weighted:
            square = square * y_true[:, pixels:]
        return ops.mean(square, axis=-1) / self.scale

    def get_config(self):
        return super().get_config() | {"scale": self.scale, "weighted": self.weighted}

"""Pixels without a measurement, kept from spreading through a network."""

from __future__ import annotations

import keras
from keras import ops

from keras_astro.registry import register


@register()
class FillMasked(keras.layers.Layer):
    """Replaces what has no weight, NaN and infinities included, by one value.

    Args:
        value: What a network sees there; the mean of the data says least.

    Input shape: `[data, weight]`, both `(batch, ...)`; a weight that is not above 0
        marks a value as missing.
    Output shape: that of the data.

    Example:
        >>> data = ops.convert_to_tensor([[1.0, float("nan")]])
        >>> weight = ops.convert_to_tensor([[1.0, 0.0]])
        >>> ops.convert_to_numpy(FillMasked()([data, weight])).tolist()
        [[1.0, 0.0]]
    """

    def __init__(self, value: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def call(self, pair):
        data, weight = pair
        return ops.where(weight > 0, data, ops.full_like(data, self.value))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return super().get_config() | {"value": self.value}

"""Rows of mean 0 and mean square 1."""

from __future__ import annotations

import keras
from keras import ops

from keras_astro.registry import register


@register()
class UnitRows(keras.layers.Layer):
    """Gives each row mean 0 and mean square 1; nothing is trained.

    What `keras.layers.LayerNormalization` without scale and centre gives, but squares
    are products: small runtimes have no squared difference of 16-bit integers.

    Args:
        epsilon: Added to the variance, so that a constant row becomes zero.

    Input shape: `(batch, width)`.
    Output shape: the same.

    Example:
        >>> UnitRows(0.0)(ops.array([[1.0, 3.0]])).numpy().tolist()
        [[-1.0, 1.0]]
    """

    def __init__(self, epsilon: float = 1e-3, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, table):
        about = table - ops.mean(table, axis=-1, keepdims=True)
        variance = ops.mean(about * about, axis=-1, keepdims=True)
        return about / ops.sqrt(variance + self.epsilon)

    def get_config(self):
        return super().get_config() | {"epsilon": self.epsilon}

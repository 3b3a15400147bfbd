"""Codes of training rows that move freely, while a decoder learns from them."""

from __future__ import annotations

import keras
from keras import ops

from keras_astro.registry import register


@register()
class FreeCodes(keras.layers.Layer):
    """Adds to each row's code an offset of its own, which is trained.

    Args:
        rows: Rows with offsets; a row number from there on has none.
        scale: Units of an offset, by which it learns faster than other weights.

    Input shape: `[code (batch, latent), row (batch, 1)]`.
    Output shape: `(batch, latent)`.

    Reference:
        Bojanowski et al. 2018, ICML, section 2, without their constraint on the norm.

    Example:
        >>> code, row = ops.ones((2, 3)), ops.convert_to_tensor([[0], [5]])
        >>> ops.convert_to_numpy(FreeCodes(5)([code, row])).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    def __init__(self, rows: int, scale: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.rows = rows
        self.scale = scale

    def build(self, input_shape):
        latents = input_shape[0][-1]
        self.offset = self.add_weight(
            shape=(self.rows, latents), initializer="zeros", name="offset"
        )

    def call(self, inputs):
        code, row = inputs
        row = ops.cast(row, "int32")[:, 0]
        known = ops.cast(row < self.rows, code.dtype)[:, None]
        own = ops.take(self.offset, ops.clip(row, 0, self.rows - 1), axis=0)
        return code + self.scale * known * own

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return super().get_config() | {"rows": self.rows, "scale": self.scale}

"""One column of a table of numbers."""

from __future__ import annotations

import keras

from keras_astro.registry import register


@register()
class Column(keras.layers.Layer):
    """Picks one column, so that each parameter is an output with its own name.

    Args:
        index: Which column.

    Input shape: `(batch, column)`.
    Output shape: `(batch,)`.
    """

    def __init__(self, index: int, **kwargs):
        super().__init__(**kwargs)
        self.index = index

    def call(self, table):
        return table[:, self.index]

    def compute_output_shape(self, input_shape):
        return (input_shape[0],)

    def get_config(self):
        return super().get_config() | {"index": self.index}

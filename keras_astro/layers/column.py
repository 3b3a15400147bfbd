"""Columns of a table of numbers: one, or all but some."""

from __future__ import annotations

import keras
from keras import ops

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


@register()
class WithoutColumns(keras.layers.Layer):
    """A table without some neighbouring columns.

    Args:
        start: Number of the first column that is left out.
        stop: Number of the first one after it that is kept.

    Input shape: `(batch, column)`.
    Output shape: `(batch, column - stop + start)`.

    Example:
        >>> WithoutColumns(1, 3)(ops.array([[5.0, 6.0, 7.0, 8.0]])).numpy().tolist()
        [[5.0, 8.0]]
    """

    def __init__(self, start: int, stop: int, **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.stop = stop

    def call(self, table):
        kept = [table[:, : self.start], table[:, self.stop :]]
        return ops.concatenate(kept, axis=-1)

    def compute_output_shape(self, input_shape):
        batch, columns = input_shape
        return (batch, columns - self.stop + self.start)

    def get_config(self):
        return super().get_config() | {"start": self.start, "stop": self.stop}

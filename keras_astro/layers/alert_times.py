"""When and in which filter the alerts of an object came, as numbers for a network."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_astro.data.alert_schema import SENTINEL
from keras_astro.registry import register

# Filters g, r, i, z, u, y.
FILTERS = 6
# Days over which the logarithm grows by one.
DECADES = 10.0


@register()
class StepTimes(keras.layers.Layer):
    """Which steps of a history exist, and their time and filter.

    Input shape: two of `(batch, step)`: days before step 0, and the number of the
        filter; 1e30 where there is no alert, or no known filter.
    Output shape: `(batch, step)`, 1 where there is an alert; and
        `(batch, step, 1 + filter)`: logarithm of the days, and 1 in the filter's place.

    Example:
        >>> mask, times = StepTimes()([ops.array([[0.0, 1e30]]), ops.array([[1., 1.]])])
        >>> mask.numpy().tolist(), times.numpy()[0, 0].tolist()
        ([[1.0, 0.0]], [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    """

    def call(self, inputs):
        days, band = inputs
        mask = ops.cast(ops.abs(days) < SENTINEL, days.dtype)
        known = ops.where(mask > 0, ops.maximum(days, 0.0), ops.zeros_like(days))
        age = ops.log(1.0 + known) / math.log(DECADES)
        numbers = ops.arange(FILTERS, dtype=days.dtype)
        hit = ops.abs(ops.expand_dims(band, -1) - numbers) < 0.5
        times = ops.concatenate(
            [ops.expand_dims(age, -1), ops.cast(hit, days.dtype)], axis=-1
        )
        return mask, times * ops.expand_dims(mask, -1)

    def compute_output_shape(self, input_shape):
        batch, steps = input_shape[0]
        return (batch, steps), (batch, steps, 1 + FILTERS)

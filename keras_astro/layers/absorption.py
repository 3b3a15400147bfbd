"""From raw spectra to what is missing from the continuum."""

from __future__ import annotations

import keras
from keras import ops

from keras_astro.registry import register


@register()
class Absorption(keras.layers.Layer):
    """What is missing from the continuum, and which pixels say so.

    A pixel without information, masked or of no inverse variance or not finite, is
    given no absorption and no weight. Nothing is interpolated.

    Input shape: `[flux, ivar, mask]`, each `(batch, pixel)`.
    Output shape: `[absorption, weight]`, each `(batch, pixel)`; absorption is 1 - flux,
    weight is the inverse variance.

    Example:
        >>> flux = ops.convert_to_tensor([[0.25, float("nan"), 0.5]])
        >>> mask = ops.convert_to_tensor([[0.0, 0.0, 1.0]])
        >>> lost, weight = Absorption()([flux, ops.ones((1, 3)), mask])
        >>> ops.convert_to_numpy(lost).tolist(), ops.convert_to_numpy(weight).tolist()
        ([[0.75, 0.0, 0.0]], [[1.0, 0.0, 0.0]])
    """

    def call(self, spectrum):
        flux, ivar = (ops.cast(x, self.compute_dtype) for x in spectrum[:2])
        counts = ops.logical_not(ops.cast(spectrum[2], "bool"))
        # Comparisons with NaN are false, whatever the sign.
        finite = ops.logical_and(ops.abs(flux) < 1e30, ops.abs(ivar) < 1e30)
        good = ops.logical_and(finite, ops.logical_and(ivar > 0, counts))
        zero = ops.zeros_like(flux)
        return [ops.where(good, 1.0 - flux, zero), ops.where(good, ivar, zero)]

    def compute_output_shape(self, input_shape):
        return [input_shape[0], input_shape[0]]


@register()
class WeightedMeanSquare(keras.layers.Layer):
    """Mean square of a difference over the pixels that have a weight.

    `sum_i w_i (x_i - y_i)^2 / #{w_i > 0}`; with `weighted=False` all weights above 0
    count as 1. With inverse variances this is chi square for each pixel.

    Args:
        weighted: Whether weights count, or only which of them are 0.

    Input shape: `[x, y, weight]`, each `(batch, pixel)`.
    Output shape: `(batch,)`; 0 for rows without any weight.

    Example:
        >>> x = ops.convert_to_tensor([[1.0, 2.0, 9.0]])
        >>> weight = ops.convert_to_tensor([[1.0, 0.5, 0.0]])
        >>> float(WeightedMeanSquare()([x, ops.zeros((1, 3)), weight])[0])
        1.5
    """

    def __init__(self, weighted: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.weighted = weighted

    def call(self, inputs):
        x, y, weight = inputs
        counted = ops.cast(weight > 0, x.dtype)
        square = (weight if self.weighted else counted) * (x - y) ** 2
        # Means, not sums: of integers a sum has the range of one of its terms.
        share = ops.maximum(ops.mean(counted, axis=-1), 1.0 / x.shape[-1])
        return ops.mean(square, axis=-1) / share

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0],)

    def get_config(self):
        return super().get_config() | {"weighted": self.weighted}

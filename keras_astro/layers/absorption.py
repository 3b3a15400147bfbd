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
        >>> lost, weight = Absorption()([flux, ops.ones((1, 3)), [[0.0, 0.0, 1.0]]])
        >>> ops.convert_to_numpy(lost).tolist(), ops.convert_to_numpy(weight).tolist()
        ([[0.75, 0.0, 0.0]], [[1.0, 0.0, 0.0]])
    """

    def call(self, spectrum):
        flux, ivar, mask = (ops.cast(x, self.compute_dtype) for x in spectrum)
        # Comparisons with NaN are false, whatever the sign.
        finite = ops.logical_and(ops.abs(flux) < 1e30, ops.abs(ivar) < 1e30)
        good = ops.logical_and(finite, ops.logical_and(ivar > 0, mask < 0.5))
        zero = ops.zeros_like(flux)
        return [ops.where(good, 1.0 - flux, zero), ops.where(good, ivar, zero)]

    def compute_output_shape(self, input_shape):
        return [input_shape[0], input_shape[0]]

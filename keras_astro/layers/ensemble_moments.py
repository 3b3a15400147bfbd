"""What independent networks say together, and how far they disagree."""

from __future__ import annotations

import keras
from keras import ops

from keras_astro.registry import register


@register()
class EnsembleMoments(keras.layers.Layer):
    """Mean and total variance of members that each give a mean and an error.

    `mean = E_m[mu_m]`, `variance = E_m[sigma_m^2] + Var_m[mu_m]`

    The second term is what the members do not agree on: it grows where no training
    rows were.

    Input shape: two tensors, means and standard deviations, each
        `(batch, member, parameter)`.
    Output shape: mean, variance and the members' disagreement (the second term), each
        `(batch, parameter)`.

    Reference:
        Lakshminarayanan, Pritzel and Blundell 2017, NeurIPS, section 2.4.

    Example:
        >>> means = ops.convert_to_tensor([[[1.0], [3.0]]])
        >>> [float(x[0, 0]) for x in EnsembleMoments()([means, ops.ones((1, 2, 1))])]
        [2.0, 2.0, 1.0]
    """

    def call(self, pair):
        means, sd = pair
        mean = ops.mean(means, axis=1)
        disagreement = ops.mean((means - ops.expand_dims(mean, 1)) ** 2, axis=1)
        return mean, ops.mean(sd**2, axis=1) + disagreement, disagreement

    def compute_output_shape(self, input_shape):
        batch, _, parameters = input_shape[0]
        return ((batch, parameters),) * 3

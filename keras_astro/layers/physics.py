"""Lens parameters with errors, and how far they are from those of normal lenses."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_astro.registry import register

LENS_PARAMETERS = ("theta_E_arcsec", "e1", "e2", "gamma1", "gamma2")


@register()
class GaussianParameters(keras.layers.Layer):
    """Turns a head's raw outputs into parameters in physical units, with errors.

    Args:
        parameters: Number of parameters.

    Input shape: `(batch, 2 * parameters)`: standardised means and log variances.
    Output shape: means and standard deviations, each `(batch, parameters)`.
    """

    def __init__(self, parameters: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.parameters = parameters

    def build(self, input_shape):
        def weight(name, initializer):
            return self.add_weight(
                shape=(self.parameters,),
                initializer=initializer,
                trainable=False,
                name=name,
            )

        self.offset = weight("offset", "zeros")
        self.unit = weight("unit", "ones")

    def set_units(self, offset, unit) -> None:
        """Sets mean and sd of the training targets, each `(parameters,)`."""
        self.offset.assign(offset)
        self.unit.assign(unit)

    def call(self, raw):
        mean = raw[:, : self.parameters] * self.unit + self.offset
        # A bounded log variance keeps the first steps of training finite.
        log_variance = 12.0 * ops.tanh(raw[:, self.parameters :] / 12.0)
        return mean, ops.exp(0.5 * log_variance) * self.unit

    def compute_output_shape(self, input_shape):
        shape = (input_shape[0], self.parameters)
        return shape, shape

    def get_config(self):
        config = super().get_config() | {"parameters": self.parameters}
        config.pop("trainable", None)
        return config


@register()
class EinsteinRadiusPull(keras.layers.Layer):
    """Distance of the Einstein radius from that of normal lenses, in sigma.

    `pull = |theta_E - reference| / sqrt(error^2 + spread^2)`

    Reference and spread are the median and the robust sd over normal rows. Where those
    have one radius the pull measures extra mass; where their radii vary widely the
    spread is large and the pull says little, as it should.

    Input shape: theta_E and its error, each `(batch,)`, in arcsec.
    Output shape: `(batch,)`.
    """

    def __init__(self, **kwargs):
        super().__init__(trainable=False, **kwargs)

    def build(self, input_shape):
        def weight(name, initializer):
            return self.add_weight(
                shape=(), initializer=initializer, trainable=False, name=name
            )

        self.reference = weight("reference", "ones")
        self.spread = weight("spread", "ones")

    def set_reference(self, theta_e: np.ndarray) -> None:
        """Measures reference and spread on normal rows' theta_E, `(row,)`."""
        median = np.median(theta_e)
        self.reference.assign(median)
        self.spread.assign(1.4826 * np.median(np.abs(theta_e - median)) + 1e-6)

    def call(self, pair):
        theta_e, error = pair
        variance = error**2 + self.spread**2
        return ops.abs(theta_e - self.reference) / ops.sqrt(variance)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        config = super().get_config()
        config.pop("trainable", None)
        return config


@register()
class GaussianNegativeLogLikelihood(keras.losses.Loss):
    """-log N(target; mean, variance) of standardised targets, up to a constant.

    Call arguments: targets `(batch, parameter)`; raw outputs `(batch, 2 * parameter)`,
    means first, then log variances.

    Reference:
        Nix and Weigend 1994, IEEE ICNN, 55: estimating mean and variance together.
    """

    def __init__(self, name="gaussian_nll", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        parameters = y_true.shape[-1]
        mean = y_pred[:, :parameters]
        log_variance = 12.0 * ops.tanh(y_pred[:, parameters:] / 12.0)
        square = (y_true - mean) ** 2 * ops.exp(-log_variance)
        return 0.5 * ops.mean(square + log_variance, axis=-1)

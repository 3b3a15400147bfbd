"""Means and errors of predicted distributions inside the graph, in physical units."""

from __future__ import annotations

import keras
from keras import ops

from keras_astro.losses.predictive import (
    bounded,
    raw_width,
    split_covariance,
    split_mixture,
)
from keras_astro.registry import register


@register()
class PredictiveMoments(keras.layers.Layer):
    """Turns a head's raw outputs into means and standard deviations.

    Of a mixture they are those of the whole: the mean variance of the components and
    the variance of their means.

    Args:
        kind: `gaussian`, `covariance` or `mixture`, as in `keras_astro.losses`.
        parameters: Number of parameters.
        components: Number of components of a mixture.

    Input shape: `(batch, raw)`, standardised.
    Output shape: means and standard deviations, each `(batch, parameter)`.

    Raises:
        ConfigError: If the kind is unknown.

    Example:
        >>> layer = PredictiveMoments("mixture", 1, 2)
        >>> layer.set_units([10.0], [2.0])
        >>> raw = ops.convert_to_tensor([[0.0, 0.0, -1.0, 1.0, 0.0, 0.0]])
        >>> mean, sd = layer(raw)
        >>> float(mean[0, 0]), round(float(sd[0, 0]) ** 2, 4)
        (10.0, 8.0)
    """

    def __init__(self, kind: str, parameters: int, components: int = 1, **kwargs):
        super().__init__(trainable=False, **kwargs)
        raw_width(kind, parameters, components)
        self.kind = kind
        self.parameters = parameters
        self.components = components
        shape = (parameters,)
        options = {"shape": shape, "trainable": False}
        self.offset = self.add_weight(initializer="zeros", name="offset", **options)
        self.unit = self.add_weight(initializer="ones", name="unit", **options)

    def set_units(self, offset, unit) -> None:
        """Sets mean and sd of the training targets, each `(parameter,)`."""
        self.offset.assign(offset)
        self.unit.assign(unit)

    def call(self, raw):
        mean, sd = self._standardised(raw)
        return mean * self.unit + self.offset, sd * self.unit

    def _standardised(self, raw):
        if self.kind == "gaussian":
            log_variance = bounded(raw[:, self.parameters :])
            return raw[:, : self.parameters], ops.exp(0.5 * log_variance)
        if self.kind == "covariance":
            mean, factor = split_covariance(raw, self.parameters)
            return mean, ops.sqrt(ops.sum(factor**2, axis=-1))
        logits, means, log_variance = split_mixture(
            raw, self.parameters, self.components
        )
        weight = ops.expand_dims(ops.softmax(logits), -1)
        mean = ops.sum(weight * means, axis=1)
        spread = ops.exp(log_variance) + (means - ops.expand_dims(mean, 1)) ** 2
        return mean, ops.sqrt(ops.sum(weight * spread, axis=1))

    def compute_output_shape(self, input_shape):
        shape = (input_shape[0], self.parameters)
        return shape, shape

    def get_config(self):
        config = super().get_config() | {
            "kind": self.kind,
            "parameters": self.parameters,
            "components": self.components,
        }
        config.pop("trainable", None)
        return config

"""Logits divided by a temperature, so that probabilities mean what they say."""

from __future__ import annotations

import keras

from keras_astro.errors import ConfigError
from keras_astro.registry import register


@register()
class TemperatureScaling(keras.layers.Layer):
    """Divides logits by a fitted temperature, which no training moves.

    Above 1 it makes an overconfident network modest; the order of classes stays.
    `keras_astro.metrics.fit_temperature` finds it on rows that trained nothing.

    Input shape: `(batch, class)`.
    Output shape: the same.

    Reference:
        Guo et al. 2017, ICML, "On calibration of modern neural networks", section 4.2.

    Example:
        >>> layer = TemperatureScaling()
        >>> layer.set_temperature(2.0)
        >>> float(layer(keras.ops.ones((1, 3)))[0, 0])
        0.5
    """

    def __init__(self, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.temperature = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="temperature"
        )

    def set_temperature(self, temperature: float) -> None:
        """Sets the temperature.

        Raises:
            ConfigError: If it is not positive.
        """
        if not temperature > 0:
            raise ConfigError(
                f"temperature: expected above 0, received {temperature}",
                hint="Find it with keras_astro.metrics.fit_temperature; 1 changes "
                "nothing.",
            )
        self.temperature.assign(temperature)

    def call(self, logits):
        return logits / self.temperature

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.pop("trainable", None)
        return config

"""Noise for training that costs next to nothing."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_astro.layers.draws import DrawingLayer
from keras_astro.registry import register

ROWS = 8192


@register()
class FeatureNoise(DrawingLayer):
    """Adds Gaussian noise in training, read from a table at a random place.

    Under XLA on a CPU, drawing normal deviates takes longer than a step of a dense
    network; a table of 8192 rows, entered anywhere, serves as well.

    Args:
        features: Width of a row.
        sd: Standard deviation of the noise.
        seed: Of the table and of the places.

    Input shape: `(batch, features)`.
    Output shape: the same; the input itself at inference.

    Example:
        >>> layer = FeatureNoise(3, 0.1)
        >>> float(ops.max(layer(ops.zeros((2, 3)))))
        0.0
    """

    def __init__(self, features: int, sd: float, seed: int = 0, **kwargs):
        super().__init__(seed, **kwargs)
        self.features = features
        self.sd = sd

    def build(self, input_shape):
        self.table = self.add_weight(
            shape=(ROWS, self.features),
            initializer=self._draw,
            trainable=False,
            name="table",
        )

    def _draw(self, shape, dtype=None):
        return self.sd * np.random.default_rng(self.seed).normal(size=shape)

    def call(self, features, training=False):
        if not training or self.sd == 0:
            return features
        start = keras.random.randint((), 0, ROWS, seed=self.draws)
        rows = (start + ops.arange(ops.shape(features)[0])) % ROWS
        return features + ops.take(self.table, rows, axis=0)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {
            "features": self.features,
            "sd": self.sd,
        }

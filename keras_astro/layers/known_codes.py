"""Codes of spectra that a model has seen, kept for the search for those of others."""

from __future__ import annotations

import keras

from keras_astro.registry import register


@register()
class KnownCodes(keras.layers.Layer):
    """Passes codes on and keeps some of known rows, which no output depends on.

    A least-squares fit to a spectrum may begin at the known code whose spectrum is
    nearest to it. The codes are a weight, so that they stay with the model.

    Args:
        rows: Number of codes kept.
        latents: Width of a code.

    Input shape: `(batch, latent)`.
    Output shape: the same.

    Example:
        >>> layer = KnownCodes(2, 3)
        >>> _ = layer.codes.assign([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
        >>> tuple(layer(keras.ops.ones((7, 3))).shape)
        (7, 3)
    """

    def __init__(self, rows: int, latents: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.rows = rows
        self.latents = latents
        self.codes = self.add_weight(
            shape=(rows, latents), initializer="zeros", trainable=False, name="codes"
        )

    def call(self, z):
        return z

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config() | {"rows": self.rows, "latents": self.latents}
        config.pop("trainable", None)
        return config

"""Dense encoder and decoder of a feature vector."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

ACTIVATION = "gelu"


def dense_encoder(
    features: int, latent_dim: int, *, hidden: Sequence[int] = (256, 128)
) -> keras.Model:
    """Dense encoder of a feature vector.

    Args:
        features: Width of the input.
        latent_dim: Width of the code `z`, linear.
        hidden: Widths of the hidden layers.

    Returns:
        `(batch, features)` to `(batch, latent_dim)`.

    Example:
        >>> dense_encoder(120, 8).output_shape
        (None, 8)
    """
    inputs = keras.Input((features,), name="features")
    x = inputs
    for i, width in enumerate(hidden):
        x = layers.Dense(width, ACTIVATION, name=f"encoder_{i}")(x)
    return keras.Model(inputs, layers.Dense(latent_dim, name="z")(x), name="encoder")


def dense_decoder(
    latent_dim: int, features: int, *, hidden: Sequence[int] = (256, 128)
) -> keras.Model:
    """Dense decoder: the encoder's mirror with one more layer of the widest size.

    Returns:
        `(batch, latent_dim)` to `(batch, features)`.
    """
    inputs = keras.Input((latent_dim,), name="z")
    x = inputs
    for i, width in enumerate([*reversed(hidden), hidden[0]]):
        x = layers.Dense(width, ACTIVATION, name=f"decoder_{i}")(x)
    outputs = layers.Dense(features, name="features")(x)
    return keras.Model(inputs, outputs, name="decoder")

"""Convolutional encoder and decoder of an image of any size."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_astro.models.dense import ACTIVATION
from keras_astro.models.shapes import resized, strided_sizes


def conv_encoder(
    frame_shape: Sequence[int], latent_dim: int, *, filters: Sequence[int] = (16, 32)
) -> keras.Model:
    """Strided convolutional encoder of an image.

    Args:
        frame_shape: `(y, x, band)`.
        latent_dim: Width of the code `z`, linear.
        filters: Filters of each halving.

    Returns:
        `(batch, y, x, band)` to `(batch, latent_dim)`.

    Example:
        >>> conv_encoder((21, 19, 3), 8).output_shape
        (None, 8)
    """
    inputs = keras.Input(tuple(frame_shape), name="frame")
    x = inputs
    for i, width in enumerate(filters):
        x = layers.Conv2D(
            width, 3, 2, padding="same", activation=ACTIVATION, name=f"encoder_{i}"
        )(x)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(inputs, layers.Dense(latent_dim, name="z")(x), name="encoder")


def conv_decoder(
    latent_dim: int, frame_shape: Sequence[int], *, filters: Sequence[int] = (16, 32)
) -> keras.Model:
    """Convolutional decoder by resizing and convolution.

    Transposed convolutions and nearest-neighbour upsampling layers are avoided: small
    runtimes run them slowly or not at all.

    Returns:
        `(batch, latent_dim)` to `(batch, y, x, band)`.

    Example:
        >>> conv_decoder(8, (21, 19, 3)).output_shape
        (None, 21, 19, 3)
    """
    *sides, band = frame_shape
    sizes = list(zip(*(strided_sizes(n, len(filters)) for n in sides), strict=True))
    small = sizes.pop()
    inputs = keras.Input((latent_dim,), name="z")
    x = layers.Dense(small[0] * small[1] * filters[-1], ACTIVATION, name="grow")(inputs)
    x = layers.Reshape((*small, filters[-1]), name="grid")(x)
    for i, width in enumerate(reversed(filters)):
        x = resized(x, sizes.pop(), name=f"larger_{i}")
        x = layers.Conv2D(
            width, 3, padding="same", activation=ACTIVATION, name=f"decoder_{i}"
        )(x)
    outputs = layers.Conv2D(band, 3, padding="same", name="frame")(x)
    return keras.Model(inputs, outputs, name="decoder")

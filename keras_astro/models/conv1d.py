"""Convolutional encoder and decoder of a spectrum; with a head, the 1-D CNN."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_astro.layers.pooling import AttentionPooling1D
from keras_astro.models.dense import ACTIVATION
from keras_astro.models.shapes import resized, strided_sizes, with_channels


def conv1d_encoder(
    spectrum_shape: Sequence[int],
    latent_dim: int,
    *,
    filters: Sequence[int] = (16, 32, 64),
    kernel_size: int = 7,
    stride: int = 4,
    attention: bool = False,
) -> keras.Model:
    """Strided convolutional encoder of a spectrum.

    Args:
        spectrum_shape: `(pixel,)` or `(pixel, channel)`, e.g. flux and ivar.
        latent_dim: Width of the code `z`, linear.
        filters: Filters of each strided convolution.
        kernel_size: Pixels of each kernel.
        stride: Factor by which each convolution shortens the spectrum.
        attention: Whether half of the last channels weigh the others over wavelength
            (`AttentionPooling1D`), instead of keeping all pixels for the last layer.

    Returns:
        `(batch, pixel[, channel])` to `(batch, latent_dim)`.

    Example:
        >>> conv1d_encoder((3501,), 8, attention=True).output_shape
        (None, 8)
    """
    inputs = keras.Input(tuple(spectrum_shape), name="spectrum")
    shape = with_channels(spectrum_shape, name="encoder")
    x = layers.Reshape(shape, name="channels")(inputs)
    for i, width in enumerate(filters):
        x = layers.Conv1D(
            width,
            kernel_size,
            stride,
            padding="same",
            activation=ACTIVATION,
            name=f"encoder_{i}",
        )(x)
    if attention:
        x = AttentionPooling1D(name="attention")(x)
    else:
        x = layers.Flatten(name="flat")(x)
    return keras.Model(inputs, layers.Dense(latent_dim, name="z")(x), name="encoder")


def conv1d_decoder(
    latent_dim: int,
    spectrum_shape: Sequence[int],
    *,
    filters: Sequence[int] = (16, 32, 64),
    kernel_size: int = 7,
    stride: int = 4,
) -> keras.Model:
    """Decoder of a spectrum by linear interpolation and convolution.

    Where lines are narrow against what the code can place, `dense_decoder` is the
    better one: it has weights of its own for each pixel.

    Returns:
        `(batch, latent_dim)` to `(batch, pixel[, channel])`.

    Example:
        >>> conv1d_decoder(8, (3501,)).output_shape
        (None, 3501)
    """
    pixels, channels = with_channels(spectrum_shape, name="decoder")
    sizes = strided_sizes(pixels, len(filters), stride)
    small = sizes.pop()
    inputs = keras.Input((latent_dim,), name="z")
    x = layers.Dense(small * filters[-1], ACTIVATION, name="grow")(inputs)
    x = layers.Reshape((small, filters[-1]), name="grid")(x)
    for i, width in enumerate(reversed(filters)):
        x = resized(x, (sizes.pop(),), name=f"larger_{i}")
        x = layers.Conv1D(
            width,
            kernel_size,
            padding="same",
            activation=ACTIVATION,
            name=f"decoder_{i}",
        )(x)
    x = layers.Conv1D(channels, kernel_size, padding="same", name="pixels")(x)
    outputs = layers.Reshape(tuple(spectrum_shape), name="spectrum")(x)
    return keras.Model(inputs, outputs, name="decoder")

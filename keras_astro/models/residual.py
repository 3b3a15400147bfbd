"""Residual encoder and decoder of a spectrum or an image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_astro.models.dense import ACTIVATION
from keras_astro.models.shapes import resized, strided_sizes, with_channels


def residual_block(
    x,
    filters: int,
    *,
    name: str,
    kernel_size: int = 3,
    stride: int = 1,
    normalise: bool = False,
):
    """`x + f(x)` with f two convolutions, each after normalisation and activation.

    There is no batch normalisation: it couples the rows of a batch, which neither the
    contraction penalty nor inference on single rows allows.

    Args:
        x: `(batch, pixel, channel)` or `(batch, y, x, channel)`.
        filters: Channels of the result.
        name: Start of the layers' names.
        kernel_size: Pixels of a kernel, along each axis.
        stride: Factor by which the block shortens each axis.
        normalise: Whether to normalise the channels of each pixel.

    Reference:
        He et al. 2016, ECCV, "Identity mappings in deep residual networks", figure 4e.
    """
    convolution = layers.Conv1D if len(x.shape) == 3 else layers.Conv2D
    shortcut, y = x, x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = convolution(
            filters, 1, stride, padding="same", name=f"{name}_shortcut"
        )(x)
    for i, step in enumerate((stride, 1)):
        if normalise:
            y = layers.LayerNormalization(name=f"{name}_normal_{i}")(y)
        y = layers.Activation(ACTIVATION, name=f"{name}_activation_{i}")(y)
        y = convolution(
            filters, kernel_size, step, padding="same", name=f"{name}_conv_{i}"
        )(y)
    return layers.Add(name=name)([shortcut, y])


def residual_encoder(
    shape: Sequence[int],
    latent_dim: int,
    *,
    filters: Sequence[int] = (16, 32),
    blocks: int = 1,
    kernel_size: int = 3,
    normalise: bool = False,
) -> keras.Model:
    """Residual encoder; each stage halves the sides.

    Args:
        shape: `(pixel,)`, `(pixel, channel)` or `(y, x, band)`.
        latent_dim: Width of the code `z`, linear.
        filters: Filters of each stage.
        blocks: Residual blocks of a stage; the first one halves.
        kernel_size: Pixels of a kernel, along each axis.
        normalise: Whether to normalise the channels of each pixel.

    Returns:
        `(batch, *shape)` to `(batch, latent_dim)`.

    Example:
        >>> residual_encoder((21, 19, 3), 8, blocks=2).output_shape
        (None, 8)
    """
    options = {"kernel_size": kernel_size, "normalise": normalise}
    inputs = keras.Input(tuple(shape), name="inputs")
    grid = with_channels(shape, name="encoder")
    x = layers.Reshape(grid, name="channels")(inputs)
    convolution = layers.Conv1D if len(grid) == 2 else layers.Conv2D
    x = convolution(filters[0], kernel_size, padding="same", name="stem")(x)
    for i, width in enumerate(filters):
        for j in range(blocks):
            stride = 1 if j else 2
            name = f"encoder_{i}_{j}"
            x = residual_block(x, width, name=name, stride=stride, **options)
    x = layers.Activation(ACTIVATION, name="last_activation")(x)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(inputs, layers.Dense(latent_dim, name="z")(x), name="encoder")


def residual_decoder(
    latent_dim: int,
    shape: Sequence[int],
    *,
    filters: Sequence[int] = (16, 32),
    blocks: int = 1,
    kernel_size: int = 3,
    normalise: bool = False,
) -> keras.Model:
    """The residual encoder's mirror: interpolation before each stage.

    Returns:
        `(batch, latent_dim)` to `(batch, *shape)`.

    Example:
        >>> residual_decoder(8, (100,)).output_shape
        (None, 100)
    """
    options = {"kernel_size": kernel_size, "normalise": normalise}
    *sides, channels = with_channels(shape, name="decoder")
    sizes = list(zip(*(strided_sizes(n, len(filters)) for n in sides), strict=True))
    grid = (*sizes.pop(), filters[-1])
    inputs = keras.Input((latent_dim,), name="z")
    x = layers.Dense(math.prod(grid), name="grow")(inputs)
    x = layers.Reshape(grid, name="grid")(x)
    for i, width in enumerate(reversed(filters)):
        x = resized(x, sizes.pop(), name=f"larger_{i}")
        for j in range(blocks):
            x = residual_block(x, width, name=f"decoder_{i}_{j}", **options)
    x = layers.Activation(ACTIVATION, name="last_activation")(x)
    convolution = layers.Conv1D if len(sides) == 1 else layers.Conv2D
    x = convolution(channels, kernel_size, padding="same", name="pixels")(x)
    outputs = layers.Reshape(tuple(shape), name="outputs")(x)
    return keras.Model(inputs, outputs, name="decoder")

"""Image denoisers at the scale of the input: what they learn is the noise.

Both are fully convolutional, without normalisation, and add their result to the input.
With sides of None they take images of any size.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

Shape = Sequence[int | None]


def edsr(
    frame_shape: Shape, *, filters: int = 64, blocks: int = 12, scaling: float = 0.1
) -> keras.Model:
    """Enhanced deep residual network at scale 1; 0.9 million weights by default.

    Args:
        frame_shape: `(y, x, band)`.
        filters: Channels throughout.
        blocks: Residual blocks, two convolutions each.
        scaling: Factor on each block's residual, which keeps deep networks stable.

    Returns:
        `(batch, y, x, band)` to the same shape.

    Reference:
        Lim et al. 2017, CVPR workshops, "Enhanced deep residual networks for single
        image super-resolution", figures 2c and 3, without the upsampling.

    Example:
        >>> edsr((21, 19, 3)).output_shape, edsr((21, 19, 3)).count_params() < 1e6
        ((None, 21, 19, 3), True)
    """
    inputs = keras.Input(tuple(frame_shape), name="frame")
    first = x = _convolution(filters, name="shallow")(inputs)
    for i in range(blocks):
        y = _convolution(filters, activation="relu", name=f"block_{i}_conv_0")(x)
        y = _convolution(filters, name=f"block_{i}_conv_1")(y)
        y = layers.Rescaling(scaling, name=f"block_{i}_scaled")(y)
        x = layers.Add(name=f"block_{i}")([x, y])
    x = _convolution(filters, name="deep")(x)
    x = layers.Add(name="deep_and_shallow")([first, x])
    return _add_to_input(inputs, x, name="edsr")


def rdn(
    frame_shape: Shape,
    *,
    filters: int = 32,
    growth: int = 32,
    blocks: int = 6,
    convolutions: int = 4,
) -> keras.Model:
    """Residual dense network at scale 1; 0.6 million weights by default.

    Args:
        frame_shape: `(y, x, band)`.
        filters: Channels between blocks.
        growth: Channels that each convolution of a block adds.
        blocks: Residual dense blocks.
        convolutions: Convolutions of a block; each sees all before it.

    Returns:
        `(batch, y, x, band)` to the same shape.

    Reference:
        Zhang et al. 2018, CVPR, "Residual dense network for image super-resolution",
        equations 1 to 9, without the upsampling.

    Example:
        >>> rdn((21, 19, 3)).output_shape, rdn((21, 19, 3)).count_params() < 1e6
        ((None, 21, 19, 3), True)
    """
    inputs = keras.Input(tuple(frame_shape), name="frame")
    first = _convolution(filters, name="shallow_0")(inputs)
    x = _convolution(filters, name="shallow_1")(first)
    found = []
    for i in range(blocks):
        x = _dense_block(x, filters, growth, convolutions, name=f"block_{i}")
        found.append(x)
    if blocks > 1:
        x = layers.Concatenate(name="all_blocks")(found)
    x = layers.Conv2D(filters, 1, name="fusion_0")(x)
    x = _convolution(filters, name="fusion_1")(x)
    x = layers.Add(name="deep_and_shallow")([first, x])
    return _add_to_input(inputs, x, name="rdn")


def _dense_block(x, filters, growth, convolutions, *, name):
    features = x
    for i in range(convolutions):
        y = _convolution(growth, activation="relu", name=f"{name}_conv_{i}")(features)
        features = layers.Concatenate(name=f"{name}_features_{i}")([features, y])
    fused = layers.Conv2D(filters, 1, name=f"{name}_fusion")(features)
    return layers.Add(name=name)([x, fused])


def _convolution(filters, *, name, activation=None):
    return layers.Conv2D(filters, 3, padding="same", activation=activation, name=name)


def _add_to_input(inputs, x, *, name) -> keras.Model:
    noise = _convolution(inputs.shape[-1], name="noise")(x)
    outputs = layers.Add(name="denoised")([inputs, noise])
    return keras.Model(inputs, outputs, name=name)

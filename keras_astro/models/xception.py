"""A compact Xception for small images: separable convolutions with shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

ACTIVATION = "relu"


def xception_encoder(
    frame_shape: Sequence[int],
    latent_dim: int,
    *,
    filters: Sequence[int] = (64, 128, 256),
    middle: int = 2,
    normalise: bool = True,
) -> keras.Model:
    """Entry, middle and exit flow of Xception in a size for stamps of 20 to 100 pixels.

    On a CPU a plain convolution of equal quality can be faster: separable convolutions
    save operations, not memory traffic.

    Args:
        frame_shape: `(y, x, band)`.
        latent_dim: Width of the code `z`, linear.
        filters: Filters of each halving of the entry flow.
        middle: Modules of the middle flow.
        normalise: Whether to normalise the channels of each pixel; the published
            network normalises batches, which couples rows.

    Returns:
        `(batch, y, x, band)` to `(batch, latent_dim)`.

    Reference:
        Chollet 2017, CVPR, "Xception: deep learning with depthwise separable
        convolutions", figure 5.

    Example:
        >>> xception_encoder((21, 19, 3), 8).output_shape
        (None, 8)
    """
    inputs = keras.Input(tuple(frame_shape), name="frame")
    x = layers.Conv2D(filters[0] // 2, 3, padding="same", name="stem")(inputs)
    for i, width in enumerate(filters):
        name = f"entry_{i}"
        shortcut = layers.Conv2D(width, 1, 2, padding="same", name=f"{name}_shortcut")(
            x
        )
        for j in range(2):
            x = _separable(x, width, normalise, name=f"{name}_{j}")
        x = layers.MaxPooling2D(3, 2, padding="same", name=f"{name}_pool")(x)
        x = layers.Add(name=name)([shortcut, x])
    for i in range(middle):
        y = x
        for j in range(3):
            y = _separable(y, filters[-1], normalise, name=f"middle_{i}_{j}")
        x = layers.Add(name=f"middle_{i}")([x, y])
    x = _separable(x, 2 * filters[-1], normalise, name="exit")
    x = layers.Activation(ACTIVATION, name="last_activation")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(inputs, layers.Dense(latent_dim, name="z")(x), name="encoder")


def _separable(x, filters: int, normalise: bool, *, name: str):
    x = layers.Activation(ACTIVATION, name=f"{name}_activation")(x)
    x = layers.SeparableConv2D(filters, 3, padding="same", name=f"{name}_conv")(x)
    return layers.LayerNormalization(name=f"{name}_normal")(x) if normalise else x

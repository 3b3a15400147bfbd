"""Networks of alert stamps: frame, encoder, decoder, class head."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_astro.errors import ConfigError
from keras_astro.layers.classes import BoundedSize
from keras_astro.layers.column import WithoutColumns
from keras_astro.preprocessing.images import CenterCrop, MeanBin
from keras_astro.preprocessing.stamp_measures import StampMeasures
from keras_astro.preprocessing.stamps import (
    ScaleStamps,
    SkyStatistics,
    StampScale,
    StretchStamps,
    ValidPixels,
)

ACTIVATION = "relu"
# The centre is stretched above three times the noise; the context, whose noise is
# averaged, above the noise.
CENTRE_SOFTENING, CONTEXT_SOFTENING = 3.0, 1.0


def alert_stem(
    stamp_shape: Sequence[int], *, pixels: int, normalise: str, context: bool
) -> keras.Model:
    """From raw stamps to frames (mask, normalise, crop, fill with zero) and measures.

    Args:
        stamp_shape: `(y, x, 3)`.
        pixels: Side of the central crop.
        normalise: See `StampScale`.
        context: Whether the whole stamp, averaged to the crop's size, is added as
            three more channels; it shows how crowded the field is.

    Returns:
        Model `(batch, y, x, 3)` to frames `(batch, pixels, pixels, 3 or 6)`, and to
        what `StampMeasures` finds on the stamps, whatever normalises frames.

    Raises:
        ConfigError: If the stamps are smaller than the crop, or not square.
    """
    if stamp_shape[0] != stamp_shape[1]:
        raise ConfigError(
            f"stamps: expected as many rows as columns, found {stamp_shape[0]} x "
            f"{stamp_shape[1]} pixels",
            hint="Cut stamps to squares with the source on the middle pixel.",
        )
    stamps = keras.Input(tuple(stamp_shape), name="stamps")
    pair = ValidPixels(name="valid_pixels")(stamps)
    sky = SkyStatistics(name="sky")(pair)
    scale = StampScale(normalise, name="scale")([*pair, *sky])
    stretch = normalise == "asinh"
    crop = CenterCrop(pixels, name="crop")
    frame = ScaleStamps(name="centre")([*map(crop, pair), *scale])
    if stretch:
        frame = StretchStamps(CENTRE_SOFTENING, name="stretch")(frame)
    if context:
        size = min(stamp_shape[:2]) // pixels
        if size < 2:
            raise ConfigError(
                f"preprocessing.context: the stamps of {stamp_shape[0]} pixels have "
                f"little around a crop of {pixels}",
                hint="Use --set preprocessing.context=false",
            )
        crop = CenterCrop(size * pixels, name="crop_context")
        mean = MeanBin(size, name="bin_context")
        binned = [mean(crop(tensor)) for tensor in pair]
        around = ScaleStamps(name="context")([*binned, *scale])
        if stretch:
            around = StretchStamps(CONTEXT_SOFTENING, name="stretch_context")(around)
        frame = layers.Concatenate(name="frame")([frame, around])
    measures = StampMeasures(name="measures")([*pair, *sky])
    return keras.Model(stamps, (frame, measures), name="stem")


def halved(side: int, steps: int) -> list[int]:
    """Sides of an image after each halving, the first one included.

    Example:
        >>> halved(21, 3)
        [21, 11, 6, 3]
    """
    sides = [side]
    for _ in range(steps):
        sides.append(-(-sides[-1] // 2))
    return sides


def alert_encoder(
    frame_shape: Sequence[int],
    latent_dim: int,
    *,
    filters: Sequence[int],
    bounded: bool = False,
    linear: bool = False,
    components: int = 0,
) -> keras.Model:
    """Convolutions in pairs, each second one of stride 2.

    Args:
        frame_shape: `(y, x, channel)`.
        latent_dim: Width of `z`.
        filters: Channels of each pair.
        bounded: Whether each `z` has mean 0 and mean square 1. Trained together with a
            classifier, the gain of an encoder can otherwise run away: confidence
            rewards it, and no reconstruction forbids it.
        linear: Whether the frame itself is added to what the last layer sees.
        components: Linear functions of the frame that stand behind these coordinates;
            training leaves them as they are.

    Returns:
        `(batch, y, x, channel)` to `z` `(batch, latent_dim + components)`.
    """
    inputs = keras.Input(tuple(frame_shape), name="frame")
    x = inputs
    for i, width in enumerate(filters):
        for step, stride in (("a", 1), ("b", 2)):
            x = layers.Conv2D(
                width,
                3,
                stride,
                padding="same",
                activation=ACTIVATION,
                name=f"encoder_{i}{step}",
            )(x)
    x = layers.Flatten(name="flat")(x)
    if linear:
        pixels = layers.Flatten(name="pixels")(inputs)
        x = layers.Concatenate(name="features_and_pixels")([x, pixels])
    if bounded:
        x = layers.Dense(latent_dim, name="coordinates")(x)
        z = layers.LayerNormalization(center=False, scale=False, name="z")(x)
    else:
        z = layers.Dense(latent_dim, name="z")(x)
    if components:
        flat = layers.Flatten(name="all_pixels")(inputs)
        fixed = layers.Dense(components, trainable=False, name="components")(flat)
        z = layers.Concatenate(name="code")([z, fixed])
    return keras.Model(inputs, z, name="encoder")


def alert_decoder(
    latent_dim: int,
    frame_shape: Sequence[int],
    *,
    filters: Sequence[int],
    linear: bool = False,
) -> keras.Model:
    """Resizing and convolution, back through the encoder's sides.

    Args:
        latent_dim: Width of `z`.
        frame_shape: `(y, x, channel)`.
        filters: Channels of each enlargement, from the last one on.
        linear: Whether a linear function of `z` is added.

    Returns:
        `z` `(batch, latent_dim)` to `(batch, y, x, channel)`.
    """
    sides = halved(frame_shape[0], len(filters))[::-1]
    inputs = keras.Input((latent_dim,), name="z")
    width = filters[-1]
    x = layers.Dense(sides[0] ** 2 * width, ACTIVATION, name="grow")(inputs)
    x = layers.Reshape((sides[0], sides[0], width), name="grid")(x)
    for i, (side, width) in enumerate(zip(sides[1:], reversed(filters), strict=True)):
        x = layers.Resizing(side, side, interpolation="bilinear", name=f"larger_{i}")(x)
        x = layers.Conv2D(
            width, 3, padding="same", activation=ACTIVATION, name=f"decoder_{i}"
        )(x)
    outputs = layers.Conv2D(frame_shape[2], 3, padding="same", name="frame")(x)
    if linear:
        flat = layers.Dense(math.prod(frame_shape), name="pixels")(inputs)
        flat = layers.Reshape(tuple(frame_shape), name="image")(flat)
        outputs = layers.Add(name="sum")([outputs, flat])
    return keras.Model(inputs, outputs, name="decoder")


def class_head(
    width: int,
    classes: int,
    *,
    hidden: Sequence[int],
    dropout: float,
    seed: int,
    unread: tuple[int, int] = (0, 0),
) -> keras.Model:
    """Dense classifier of a standardised code.

    Args:
        width: Of the code, and of features where there are any.
        classes: Number of classes.
        hidden: Widths of the layers.
        dropout: Share of each of them that a training step leaves out.
        seed: Seed of that choice.
        unread: First column of the code that is left out, and the first one after it
            that is read again.

    Returns:
        `(batch, width)` to logits `(batch, classes)`.
    """
    inputs = keras.Input((width,), name="code")
    x = inputs
    if unread[1] > unread[0]:
        x = WithoutColumns(*unread, name="read")(x)
    for i, size in enumerate(hidden):
        x = layers.Dense(size, name=f"head_{i}")(x)
        # Without it one of four trainings ended with hidden layers so large, for some
        # bogus alerts, that one of them in a batch of 32 undid what others taught.
        x = BoundedSize(name=f"bound_{i}")(x)
        x = layers.Activation(ACTIVATION, name=f"active_{i}")(x)
        x = layers.Dropout(dropout, seed=seed + i, name=f"dropout_{i}")(x)
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x), name="head")


def without_dropout(head: keras.Model) -> keras.Model:
    """The head as inference needs it.

    The random state of dropout is a variable that small runtimes cannot hold.
    """
    inputs = keras.Input(head.input_shape[1:], name="code")
    x = inputs
    for layer in head.layers:
        if not isinstance(layer, layers.InputLayer | layers.Dropout):
            x = layer(x)
    return keras.Model(inputs, x, name="head")

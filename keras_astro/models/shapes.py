"""Sizes through strided convolutions, and back with operations small runtimes have."""

from __future__ import annotations

from collections.abc import Sequence

from keras import layers

from keras_astro.errors import ConfigError
from keras_astro.layers.interpolation import LinearResize


def strided_sizes(size: int, steps: int, stride: int = 2) -> list[int]:
    """Sizes before and after each strided convolution with padding `same`.

    Example:
        >>> strided_sizes(21, 3)
        [21, 11, 6, 3]
    """
    sizes = [size]
    for _ in range(steps):
        sizes.append(-(-sizes[-1] // stride))
    return sizes


def with_channels(shape: Sequence[int], *, name: str) -> tuple[int, ...]:
    """The shape with an axis of channels: a spectrum `(pixel,)` has one.

    Raises:
        ConfigError: If it is neither a spectrum nor an image.

    Example:
        >>> with_channels((3501,), name="encoder"), with_channels((9, 7, 3), name="e")
        ((3501, 1), (9, 7, 3))
    """
    shape = tuple(shape)
    if len(shape) == 1:
        return (*shape, 1)
    if len(shape) in (2, 3):
        return shape
    raise ConfigError(
        f"{name}: expected a shape (pixel,), (pixel, channel) or (y, x, band), "
        f"received {shape}",
        hint="Give the shape of one row, without the batch, such as (64, 64, 1).",
    )


def resized(x, sizes: Sequence[int], *, name: str):
    """Linear interpolation of a grid to other sizes, along one axis or two.

    Images grow by whole factors through the layer of Keras, which is the faster one;
    `LinearResize` does what that layer does wrong under XLA, or not at all.

    Args:
        x: `(batch, pixel, channel)` or `(batch, y, x, channel)`.
        sizes: The sizes wanted, one or two.
        name: Name of the layer.
    """
    whole = all(new % old == 0 for new, old in zip(sizes, x.shape[1:-1], strict=True))
    if len(sizes) == 2 and whole:
        return layers.Resizing(*sizes, interpolation="bilinear", name=name)(x)
    return LinearResize(sizes, name=name)(x)

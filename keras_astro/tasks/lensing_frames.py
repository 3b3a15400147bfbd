"""From lens images to the frames and coefficients that a model compares."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from keras_astro.data.gather import gather
from keras_astro.data.sample import Source
from keras_astro.layers.pca import PrincipalComponents

BLOCK = 256

# Pixels across a frame, unless the settings say how many pixels make a bin.
FRAME_PIXELS = 40


def frame_geometry(
    crop_pixels: int, bin_pixels: int | None, image_shape: tuple[int, int]
) -> tuple[int, int]:
    """Side of the crop and size of a bin, such that one divides the other.

    Example:
        >>> frame_geometry(120, None, (150, 150)), frame_geometry(120, None, (64, 64))
        ((120, 3), (64, 2))
    """
    most = min(crop_pixels, *image_shape)
    size = bin_pixels or max(1, round(most / FRAME_PIXELS))
    # An even number of pixels is cut off, so that the centre stays the centre.
    sides = [
        side
        for side in range(size, most + 1, size)
        if (min(image_shape) - side) % 2 == 0
    ]
    return (sides[-1] if sides else most), size


def frames(
    stem: keras.Model, source: Source, *, flips: bool = False
) -> Iterator[np.ndarray]:
    """Frames of a source in blocks; with `flips`, each in its four reflections."""
    for block in source.blocks(BLOCK):
        frame = np.asarray(stem.predict_on_batch(block.inputs["image"]))
        yield frame
        if flips:
            yield frame[:, ::-1]
            yield frame[:, :, ::-1]
            yield frame[:, ::-1, ::-1]


def frame_features(
    stem: keras.Model,
    components: PrincipalComponents | None,
    source: Source,
    *,
    flips: bool,
    limit_mb: float,
) -> np.ndarray:
    """Frames of all rows, or their coefficients where components are given.

    Args:
        stem: Image to frame.
        components: Frame to coefficients.
        source: The rows, read in blocks.
        flips: Whether each comes in its four reflections.
        limit_mb: Beyond it they are kept in a file, see `gather`.
    """
    blocks = frames(stem, source, flips=flips)
    if components is not None:
        blocks = (project(components, block) for block in blocks)
    return gather(blocks, len(source) * (4 if flips else 1), limit_mb=limit_mb)


def stacked(blocks: Iterator[np.ndarray]) -> np.ndarray:
    """Blocks as one array."""
    return np.concatenate(list(blocks))


def project(components: PrincipalComponents, frame: np.ndarray) -> np.ndarray:
    """Coefficients of frames, as an array."""
    return np.asarray(components(frame), dtype="float32")


def project_all(
    components: PrincipalComponents, found: np.ndarray, *, limit_mb: float
) -> np.ndarray:
    """Coefficients of frames that may lie in a file; beyond the limit in one too."""
    starts = range(0, len(found), BLOCK)
    blocks = (project(components, np.asarray(found[i : i + BLOCK])) for i in starts)
    return gather(blocks, len(found), limit_mb=limit_mb)


def read_images(source: Source) -> np.ndarray:
    """All images of a source that fits in memory, such as a held-out part."""
    return source.read().inputs["image"]

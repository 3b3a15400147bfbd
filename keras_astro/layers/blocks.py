"""Means of neighbouring pixels, where a spectrum is finer than what it shows."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_astro.registry import register


@register()
class BlockMean(keras.layers.Layer):
    """Means over blocks of adjacent pixels.

    Args:
        pixels: Pixels of a spectrum.
        blocks: Number of blocks.
        width: Pixels of the largest block.

    Input shape: `(batch, pixel)`.
    Output shape: `(batch, block)`.

    Example:
        >>> layer = BlockMean(5, 2, 3)
        >>> layer.set_blocks([0, 2], [2, 3])
        >>> x = ops.convert_to_tensor([[1.0, 3.0, 0.0, 3.0, 6.0]])
        >>> ops.convert_to_numpy(layer(x)).tolist()
        [[2.0, 3.0]]
    """

    def __init__(self, pixels: int, blocks: int, width: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.pixels = pixels
        self.blocks = blocks
        self.width = width

    def build(self, input_shape):
        def fixed(name, dtype):
            return self.add_weight(
                shape=(self.blocks * self.width,),
                initializer="zeros",
                dtype=dtype,
                trainable=False,
                name=name,
            )

        self.index = fixed("index", "int32")
        # One over the pixels of the block; 0 for places that a block does not fill.
        self.share = fixed("share", self.variable_dtype)

    def set_blocks(self, first, count) -> None:
        """Sets the first pixel and the number of pixels of each block, `(block,)`."""
        if not self.built:
            self.build((None, self.pixels))
            self.built = True
        first, count = np.asarray(first)[:, None], np.asarray(count)[:, None]
        place = np.arange(self.width)
        index = first + np.minimum(place, count - 1)
        share = (place < count) / count
        self.index.assign(index.ravel().astype("int32"))
        self.share.assign(share.ravel().astype("float32"))

    def call(self, spectrum):
        index = ops.clip(self.index, 0, self.pixels - 1)
        picked = ops.take(spectrum, index, axis=1) * self.share
        return ops.sum(ops.reshape(picked, (-1, self.blocks, self.width)), axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.blocks)

    def get_config(self):
        config = super().get_config() | {
            "pixels": self.pixels,
            "blocks": self.blocks,
            "width": self.width,
        }
        config.pop("trainable", None)
        return config

"""The renderer as the decoder of a galaxy network: training on its own residuals."""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import ops

from keras_astro.layers.box_mixture import box_mean, unpack
from keras_astro.registry import register
from keras_astro.simulate.galaxy_renderer import GalaxyRenderer


@register()
class RenderedResidual(keras.layers.Layer):
    """Passes raw outputs on, and adds chi^2 of the image drawn from their means.

    With labels in the loss as well, network and renderer are a denoising autoencoder
    whose latents are the galaxy's parameters: the decoder is exact and has no weights.

    Args:
        low: Lower limits of flux, index, radius, g1 and g2.
        high: Upper limits.
        components: Gaussians of the mixture.
        weight: Of the mean of squared residuals over their variance.

    Input shape: raw outputs `(batch, raw_width)`, images `(batch, y, x, 1)`, FWHM and
        noise levels `(batch,)`.
    Output shape: that of the raw outputs.
    """

    def __init__(self, low, high, components=3, weight=1.0, **kwargs):
        super().__init__(**({"dtype": "float32"} | kwargs))
        self.low, self.high = [list(map(float, side)) for side in (low, high)]
        self.components = components
        self.weight = float(weight)

    def build(self, input_shape):
        self.renderer = GalaxyRenderer(pixels=input_shape[1][1])
        super().build(input_shape)

    def call(self, given):
        raw, images, fwhm, sigma = given
        low, high = (ops.convert_to_tensor(side) for side in (self.low, self.high))
        mean = box_mean(*unpack(raw, len(self.low), self.components))
        model = self.renderer(low + (high - low) * mean, fwhm)
        # The variance says how residuals are weighed and must not be learned.
        variance = sigma[:, None, None] ** 2 + tf.stop_gradient(ops.relu(model))
        self.add_loss(self.weight * ops.mean((images[..., 0] - model) ** 2 / variance))
        return raw

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return super().get_config() | {
            "low": self.low,
            "high": self.high,
            "components": self.components,
            "weight": self.weight,
        }

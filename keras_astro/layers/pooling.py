"""Pooling over one axis that knows what matters and what was observed."""

from __future__ import annotations

import keras
from keras import ops

from keras_astro.errors import ConfigError
from keras_astro.registry import register


@register()
class AttentionPooling1D(keras.layers.Layer):
    """Mean over wavelength in which half of the channels weigh the other half.

    `y_c = sum_p softmax_p(a_pc) h_pc`, with `[h, a]` the two halves of the channels.

    Input shape: `(batch, pixel, 2 * channel)`.
    Output shape: `(batch, channel)`.

    Raises:
        ConfigError: If the number of channels is odd.

    Reference:
        Melchior et al. 2023, AJ 166, 74, section 2.1.

    Example:
        >>> layer = AttentionPooling1D()
        >>> x = ops.convert_to_tensor([[[1.0, 0.0], [3.0, 0.0]]])
        >>> float(layer(x)[0, 0])
        2.0
    """

    def build(self, input_shape):
        if input_shape[-1] % 2:
            raise ConfigError(
                f"{self.name}: expected an even number of channels, of which half "
                f"weigh the others, received {input_shape[-1]}",
                hint=f"Give the layer before it {input_shape[-1] + 1} channels.",
            )

    def call(self, x):
        features, attention = ops.split(x, 2, axis=-1)
        # The softmax written out: that of Keras warns where one pixel is left.
        weight = ops.exp(attention - ops.max(attention, axis=1, keepdims=True))
        return ops.sum(features * weight, axis=1) / ops.sum(weight, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1] // 2)


@register()
class MaskedMean1D(keras.layers.Layer):
    """Mean over the observed steps of a sequence; 0 where there are none.

    Input shape: `(batch, step, feature)`, and the mask `(batch, step)`, 1 where a step
    was observed, else 0.
    Output shape: `(batch, feature)`.

    Example:
        >>> layer = MaskedMean1D()
        >>> x = ops.convert_to_tensor([[[1.0], [3.0], [9.0]]])
        >>> float(layer([x, ops.convert_to_tensor([[1.0, 1.0, 0.0]])])[0, 0])
        2.0
    """

    def call(self, pair):
        x, mask = pair
        weight = ops.expand_dims(mask, -1)
        total = ops.sum(x * weight, axis=1)
        return total / ops.maximum(ops.sum(weight, axis=1), 1.0)

    def compute_output_shape(self, input_shape):
        batch, _, features = input_shape[0]
        return (batch, features)

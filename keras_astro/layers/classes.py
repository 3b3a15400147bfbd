"""From codes and packet metadata to calibrated classes, inside the graph."""

from __future__ import annotations

import keras
from keras import ops

from keras_astro.data.alert_schema import SENTINEL
from keras_astro.registry import register

# Standard deviations beyond which an outlier says no more.
FARTHEST = 5.0


@register()
class Standardise(keras.layers.Layer):
    """Subtracts a mean and divides by a standard deviation of training rows.

    Input shape: `(batch, width)`.
    Output shape: the same.

    Example:
        >>> layer = Standardise()
        >>> layer.set_reference([1.0], [2.0])
        >>> float(layer(ops.array([[5.0]]))[0, 0])
        2.0
    """

    def __init__(self, **kwargs):
        super().__init__(trainable=False, **kwargs)

    def build(self, input_shape):
        def weight(name, initializer):
            return self.add_weight(
                shape=(input_shape[-1],),
                initializer=initializer,
                trainable=False,
                name=name,
            )

        self.mean = weight("mean", "zeros")
        self.sd = weight("sd", "ones")

    def set_reference(self, mean, sd) -> None:
        """Sets mean and sd, `(width,)`."""
        if not self.built:
            self.build((None, len(mean)))
            self.built = True
        self.mean.assign(mean)
        self.sd.assign(sd)

    def call(self, table):
        return (table - self.mean) / self.sd

    def get_config(self):
        config = super().get_config()
        config.pop("trainable", None)
        return config


@register()
class BoundedStandardise(Standardise):
    """Standardised columns, clipped at five standard deviations.

    Input shape: `(batch, width)`.
    Output shape: the same.

    Example:
        >>> layer = BoundedStandardise()
        >>> layer.set_reference([1.0], [2.0])
        >>> float(layer(ops.array([[99.0]]))[0, 0])
        5.0
    """

    def call(self, table):
        return ops.clip(super().call(table), -FARTHEST, FARTHEST)


@register()
class BoundedSize(keras.layers.Layer):
    """x / sqrt(1 + mean(x^2)): small rows nearly as they are, none of rms above 1.

    Input shape: `(batch, width)`.
    Output shape: the same.

    Example:
        >>> BoundedSize()(ops.array([[0.1, 0.1], [300.0, 400.0]])).numpy().round(2)
        array([[0.1 , 0.1 ],
               [0.85, 1.13]], dtype=float32)
    """

    def call(self, table):
        square = ops.mean(ops.square(table), axis=-1, keepdims=True)
        return table / ops.sqrt(1.0 + square)


@register()
class KnownFeatures(Standardise):
    """Standardised features with 0 where unknown, and beside them which are known.

    Unknown is NaN, or a number as large as no measurement.

    Input shape: `(batch, feature)`, raw.
    Output shape: `(batch, 2 * feature)`.

    Example:
        >>> layer = KnownFeatures()
        >>> layer.set_reference([1.0, 0.0], [2.0, 1.0])
        >>> layer(ops.array([[5.0, float("nan")]])).numpy().tolist()
        [[2.0, 0.0, 1.0, 0.0]]
    """

    def call(self, table):
        # A comparison with NaN is false.
        known = ops.abs(table) < SENTINEL
        filled = ops.where(known, table, ops.broadcast_to(self.mean, ops.shape(table)))
        scaled = ops.clip((filled - self.mean) / self.sd, -FARTHEST, FARTHEST)
        return ops.concatenate([scaled, ops.cast(known, scaled.dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2 * input_shape[1])


@register()
class Decision(keras.layers.Layer):
    """The most probable class, its probability, and whether that is too low to say.

    Args:
        abstain_below: Probability below which the model abstains.

    Input shape: `(batch, class)`, probabilities.
    Output shape: three of `(batch,)`: number of the class, its probability, 1 where
        the model abstains.

    Example:
        >>> chosen, confidence, abstains = Decision(0.5)(ops.array([[0.4, 0.3, 0.3]]))
        >>> int(chosen[0]), int(abstains[0])
        (0, 1)
    """

    def __init__(self, abstain_below: float, **kwargs):
        super().__init__(**kwargs)
        self.abstain_below = abstain_below

    def call(self, probabilities):
        confidence = ops.max(probabilities, axis=-1)
        # The first that reaches the maximum; argmax has bit operations, which small
        # runtimes lack.
        classes = probabilities.shape[-1]
        numbers = ops.arange(classes, dtype=probabilities.dtype)
        top = probabilities >= ops.expand_dims(confidence, -1)
        chosen = ops.min(ops.where(top, numbers, float(classes)), axis=-1)
        abstains = ops.cast(confidence < self.abstain_below, probabilities.dtype)
        return chosen, confidence, abstains

    def compute_output_shape(self, input_shape):
        return ((input_shape[0],),) * 3

    def get_config(self):
        return super().get_config() | {"abstain_below": self.abstain_below}

"""An encoder that is penalised where a nuisance moves its code."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from keras_astro.errors import ConfigError
from keras_astro.layers.contractive import ContractiveEncoder
from keras_astro.layers.nuisances import Nuisance
from keras_astro.registry import register


@register()
class ConsistentEncoder(keras.layers.Layer):
    """Calls an encoder and adds how far nuisances move its code as a loss.

    `loss += weight * mean_rows ||z(x) - z(x')||^2 / (2 sum_latents var_rows z)`

    `x'` is `x` after all nuisances. Two rows drawn at random are `2 sum var z` apart
    in the mean square, so that the quotient is 0 where the nuisances leave codes where
    they are, and 1 where they move them as far as another object. It does not change
    with the scale of the code. A plain distance would: an encoder could halve all
    codes, and a decoder double them, and nothing would have been learnt. The spread is
    differentiated as well; held constant, it would reward a shrinking code.

    Where the contraction acts on infinitesimal changes in all directions, this acts on
    changes of real size in the directions of the nuisances alone.

    The quotient without the weight is logged as `consistency`. It is part of the
    validation loss as well, with the same changes at each call. Give `encoder` itself,
    which shares the weights, to whatever only infers. With a weight of 0 this layer is
    the encoder.

    Args:
        encoder: Functional model of one input to the code `(batch, latent)`, or its
            `ContractiveEncoder`; of several outputs the first is the code.
        nuisances: `Nuisance` layers, applied in this order.
        weight: Weight of the quotient in the loss, 0 or more.

    Input shape: that of the encoder.
    Output shape: that of the encoder.

    Raises:
        ConfigError: If the weight is negative, or a nuisance is none.

    Reference:
        Liang et al. 2023, AJ 166, 74: codes of spectra made independent of redshift by
        their distance from those of shifted copies. Bardes, Ponce and LeCun 2022, ICLR:
        collapse prevented by the variance of codes over a batch.

    Example:
        >>> from keras_astro.layers.nuisances import PixelNoise
        >>> inputs = keras.Input((3,))
        >>> encoder = keras.Model(inputs, keras.layers.Dense(2)(inputs))
        >>> layer = ConsistentEncoder(encoder, [PixelNoise(0.0)], 1.0)
        >>> z = layer(keras.random.normal((4, 3)), training=True)
        >>> [float(loss) for loss in layer.losses]
        [0.0]
    """

    def __init__(
        self,
        encoder: keras.Model | ContractiveEncoder,
        nuisances: Sequence[Nuisance],
        weight: float,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not weight >= 0:
            raise ConfigError(
                f"consistency weight: expected 0 or more, received {weight}",
                hint="Give 0 for no penalty, or 0.1 to begin with.",
            )
        wrong = [type(x).__name__ for x in nuisances if not isinstance(x, Nuisance)]
        if wrong or not nuisances:
            raise ConfigError(
                "consistency: expected one nuisance or more, received "
                f"{', '.join(wrong) or 'none'}",
                hint="Use layers of keras_astro.layers.nuisances.",
            )
        self.encoder = encoder
        self.nuisances = list(nuisances)
        self.weight = float(weight)
        if self.weight > 0:
            self.quotient = keras.metrics.Mean(name="consistency")

    @property
    def input_shape(self):
        """That of the encoder, `(None, ...)`."""
        return self.encoder.input_shape

    def build(self, input_shape):
        for layer in (self.encoder, *self.nuisances):
            if not layer.built:
                layer.build(input_shape)

    def call(self, inputs, training=None):
        outputs = self.encoder(inputs, training=training)
        if not self.weight:
            return outputs
        plain = self.encoder
        if isinstance(plain, ContractiveEncoder):
            plain = plain.encoder
        moved = plain(self.perturb(inputs, training), training=training)
        codes = (keras.tree.flatten(found)[0] for found in (outputs, moved))
        quotient = relative_distance(*codes)
        self.add_loss(self.weight * quotient)
        self.quotient.update_state(quotient)
        return outputs

    def perturb(self, inputs, training=None):
        """The input after all nuisances."""
        for number, nuisance in enumerate(self.nuisances):
            # An integer gives the same change each time: validation must not scatter.
            inputs = nuisance.perturb(inputs, nuisance.draws if training else number)
        return inputs

    def compute_output_spec(self, inputs, training=None):
        return self.encoder.compute_output_spec(inputs)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return super().get_config() | {
            "encoder": serialize(self.encoder),
            "nuisances": [serialize(nuisance) for nuisance in self.nuisances],
            "weight": self.weight,
        }

    @classmethod
    def from_config(cls, config):
        read = keras.saving.deserialize_keras_object
        parts = {
            "encoder": read(config["encoder"]),
            "nuisances": [read(nuisance) for nuisance in config["nuisances"]],
        }
        return cls(**(config | parts))


def relative_distance(code, moved):
    """Mean squared distance of codes over that of two random rows.

    Args:
        code: `(batch, latent)`.
        moved: The same rows after a change.

    Returns:
        A number; 1 where all rows have one code, which tells no objects apart.

    Example:
        >>> code = ops.convert_to_tensor([[0.0], [2.0]])
        >>> float(relative_distance(code, code + 1.0))
        0.5
    """
    code, moved = (ops.cast(x, "float32") for x in (code, moved))
    distance = ops.mean(ops.sum((code - moved) ** 2, axis=-1))
    spread = 2 * ops.sum(ops.var(code, axis=0))
    known = spread > 0
    # Both branches of a choice are differentiated: neither may divide by zero.
    quotient = distance / ops.where(known, spread, ops.ones_like(spread))
    return ops.where(known, quotient, ops.ones_like(quotient))

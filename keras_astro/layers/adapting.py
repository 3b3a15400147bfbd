"""An autoencoder moved from synthetic to observed spectra, its codes kept in place."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from keras_astro.errors import ConfigError
from keras_astro.losses.alignment import (
    coral,
    maximum_mean_discrepancy,
    mean_distance,
)
from keras_astro.registry import register

PARTS = ("reconstruction", "mmd", "mean", "coral", "drawing", "consistency")


@register()
class AdaptingAutoencoder(keras.layers.Layer):
    """Adds, as losses, all that fine-tuning on unlabelled observed spectra asks for.

    With x observed, z = E(x), s synthetic and c the code that s had before:

    - `reconstruction`: `|D(z) - x|^2`;
    - `mmd`, `mean`, `coral`: how far the codes z are from the codes c as distributions;
    - `drawing`: `|D(c) - s|^2`, which keeps the decoder near the one it was;
    - `consistency`: `|E(D(c) + x' - D(z')) - c|^2`: a synthetic star as the decoder
      draws it now, with what another observed spectrum x' leaves over, has the code
      that it had. The spectrum is held constant, so that the encoder alone answers.

    An autoencoder that only reconstructs may move its codes anywhere; the alignment
    assumes that observed and synthetic stars have the same distribution of labels.
    Codes are compared in units of the reference's standard deviation.

    Args:
        encoder: Coefficients to `z`.
        decoder: `z` to coefficients.
        weights: Weight of each part; all of `PARTS`.

    Input shape: as a dictionary, `observed` and `synthetic` `(batch, features)`,
        `code` `(batch, latent)`.
    Output shape: `(batch, features)`, the reconstruction of the observed.

    Raises:
        ConfigError: If a weight is missing, unknown or negative.

    Reference:
        Long et al. 2015, ICML, for alignment by MMD; Sun and Saenko 2016 for CORAL.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        weights: Mapping[str, float],
        **kwargs,
    ):
        super().__init__(**kwargs)
        if set(weights) != set(PARTS) or not all(w >= 0 for w in weights.values()):
            raise ConfigError(
                f"adaptation: expected weights of 0 or more for {', '.join(PARTS)}, "
                f"received {dict(weights)}",
                hint="Give all of them; 0 leaves a part out.",
            )
        self.encoder = encoder
        self.decoder = decoder
        self.part_weights = {name: float(weights[name]) for name in PARTS}
        self.means = [keras.metrics.Mean(name=name) for name in PARTS]

    def build(self, input_shape):
        self.sd = self.add_weight(
            shape=(self.encoder.output_shape[-1],),
            initializer="ones",
            trainable=False,
            name="sd",
        )

    def set_reference(self, codes: np.ndarray) -> None:
        """Measures the spread of the reference codes, `(row, latent)`."""
        self.sd.assign(np.maximum(codes.std(axis=0), 1e-6))

    def call(self, inputs):
        observed, code = inputs["observed"], inputs["code"]
        z, drawn = self.encoder(observed), self.decoder(code)
        reconstruction = self.decoder(z)
        # Rows come in random order: the next one is another star.
        left = ops.roll(observed - reconstruction, 1, axis=0)
        again = self.encoder(ops.stop_gradient(drawn + left))
        ours, reference = z / self.sd, code / self.sd
        found = {
            "reconstruction": ops.mean((reconstruction - observed) ** 2),
            "mmd": maximum_mean_discrepancy(ours, reference),
            "mean": mean_distance(ours, reference),
            "coral": coral(ours, reference),
            "drawing": ops.mean((drawn - inputs["synthetic"]) ** 2),
            "consistency": ops.mean((again / self.sd - reference) ** 2),
        }
        for mean, (name, value) in zip(self.means, found.items(), strict=True):
            self.add_loss(self.part_weights[name] * value)
            mean.update_state(value)
        return reconstruction

    def compute_output_spec(self, inputs):
        # The losses have no meaning for symbolic tensors.
        return self.decoder.compute_output_spec(
            self.encoder.compute_output_spec(inputs["observed"])
        )

    def get_config(self):
        return super().get_config() | {
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "weights": self.part_weights,
        }

    @classmethod
    def from_config(cls, config):
        read = keras.saving.deserialize_keras_object
        models = {name: read(config[name]) for name in ("encoder", "decoder")}
        return cls(**(config | models))

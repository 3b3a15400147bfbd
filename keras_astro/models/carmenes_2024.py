"""The published autoencoder recipe for M dwarfs, rebuilt to be compared with.

Fully connected ReLU layers of n, 3n/4, n/2, n/4, n/8 and 32 units, mirrored; a sigmoid
output over fluxes scaled to 0..1; L1 penalties on activities; Adam at 1e-4 for the
autoencoder; then, for each label, convolutions of 64 and 32 filters of width 2 on the
32 latents and dense layers of 256, 128 and 64 units, trained on the unscaled label with
Adam at 0.01. Its penalty on a frozen weight copy pins the code and contracts nothing,
so that it is left out. This is a rival: what it does otherwise is not repeated here.

Reference:
    Mas-Buitrago et al. 2024, A&A 687.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers


class PublishedRecipe:
    """Labels from spectra as in the published pipeline, without transfer.

    Args:
        width: Units n of the first layer; 1024 to 2048 in print.
        epochs: Of the autoencoder; 120 in print.
        regressor_epochs: Of each label's regressor; 200 in print.
        members: Regressors a label, averaged; 5 in print.
        seed: Of weights and order.
    """

    def __init__(
        self,
        width: int = 256,
        epochs: int = 120,
        regressor_epochs: int = 60,
        members: int = 1,
        seed: int = 0,
    ):
        self.width = width
        self.epochs = epochs
        self.regressor_epochs = regressor_epochs
        self.members = members
        self.seed = seed

    def fit(self, spectra: np.ndarray, labels: np.ndarray) -> PublishedRecipe:
        """Learns from spectra `(row, pixel)` and labels `(row, label)`."""
        keras.utils.set_random_seed(self.seed)
        self.low, self.high = spectra.min(), spectra.max()
        scaled = self._scaled(spectra)
        model, self.encoder = published_autoencoder(spectra.shape[1], self.width)
        model.compile(keras.optimizers.Adam(1e-4), "mse", jit_compile=True)
        model.fit(scaled, scaled, batch_size=128, epochs=self.epochs, verbose=0)
        z = self.encoder.predict(scaled, batch_size=512, verbose=0)
        self.regressors = [
            [self._regressor(z, column) for _ in range(self.members)]
            for column in labels.T
        ]
        return self

    def predict(self, spectra: np.ndarray) -> np.ndarray:
        """Labels `(row, label)`."""
        z = self.encoder.predict(self._scaled(spectra), batch_size=512, verbose=0)
        return np.stack(
            [
                np.mean([m.predict(z, batch_size=512, verbose=0) for m in members], 0)
                for members in self.regressors
            ],
            axis=1,
        )[..., 0]

    def _scaled(self, spectra):
        return ((spectra - self.low) / (self.high - self.low)).astype("float32")

    def _regressor(self, z, label) -> keras.Model:
        model = published_regressor(z.shape[1])
        model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=False)
        model.fit(z, label, batch_size=128, epochs=self.regressor_epochs, verbose=0)
        return model


def published_autoencoder(pixels: int, width: int) -> tuple[keras.Model, keras.Model]:
    """The autoencoder and its encoder.

    Example:
        >>> model, encoder = published_autoencoder(500, 64)
        >>> model.output_shape, encoder.output_shape
        ((None, 500), (None, 32))
    """
    widths = [width, width * 3 // 4, width // 2, width // 4, width // 8]
    penalty = keras.regularizers.L1(1e-7)
    inputs = keras.Input((pixels,))
    x = inputs
    for units in (*widths, 32):
        x = layers.Dense(units, "relu", activity_regularizer=penalty)(x)
    encoder = keras.Model(inputs, x)
    for units in reversed(widths):
        x = layers.Dense(units, "relu")(x)
    outputs = layers.Dense(pixels, "sigmoid")(x)
    return keras.Model(inputs, outputs), encoder


def published_regressor(latents: int) -> keras.Model:
    """The convolutional regressor of one label on latents."""
    inputs = keras.Input((latents,))
    x = layers.Reshape((latents, 1))(inputs)
    for filters in (64, 32):
        x = layers.Conv1D(filters, 2, activation="relu")(x)
    x = layers.Flatten()(x)
    for units in (256, 128, 64):
        x = layers.Dense(units, "relu")(x)
    return keras.Model(inputs, layers.Dense(1)(x))

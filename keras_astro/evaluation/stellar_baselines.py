"""Rivals of the stellar model, fitted on the same training rows as the run.

Reference:
    Mas-Buitrago et al. 2024, A&A 687, for the recipe called `carmenes_2024`.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from keras_astro.models.carmenes_2024 import PublishedRecipe

COMPONENTS = 32
STRENGTHS = tuple(np.logspace(-4, 4, 17))


class PcaRidge:
    """Ridge regression on the leading principal components of normalised spectra.

    Args:
        components: Number of components.
        strengths: Penalties to choose from, by generalised cross-validation.
    """

    def __init__(self, components: int = COMPONENTS, strengths=STRENGTHS):
        self.components = components
        self.strengths = strengths

    def fit(self, spectra: np.ndarray, labels: np.ndarray) -> PcaRidge:
        """Learns from spectra `(row, pixel)` and labels `(row, label)`."""
        from sklearn.decomposition import PCA
        from sklearn.linear_model import RidgeCV
        from sklearn.pipeline import make_pipeline

        count = min(self.components, len(spectra) - 1, spectra.shape[1])
        self.unit = label_scale(labels)
        self.model = make_pipeline(
            PCA(count, svd_solver="randomized", random_state=0),
            RidgeCV(self.strengths),
        ).fit(spectra, labels / self.unit)
        return self

    def predict(self, spectra: np.ndarray) -> np.ndarray:
        """Labels `(row, label)`."""
        return self.model.predict(spectra) * self.unit


class DirectMlp:
    """A dense network from normalised spectra to labels, by mean squared error.

    Args:
        hidden: Widths of the hidden layers.
        epochs: Passes over the training rows.
        seed: Of weights and order.
    """

    def __init__(self, hidden=(256, 128), epochs: int = 40, seed: int = 0):
        self.hidden = hidden
        self.epochs = epochs
        self.seed = seed

    def fit(self, spectra: np.ndarray, labels: np.ndarray) -> DirectMlp:
        """Learns from spectra `(row, pixel)` and labels `(row, label)`."""
        keras.utils.set_random_seed(self.seed)
        self.center, self.spread = spectra.mean(axis=0), spectra.std()
        self.offset, self.unit = labels.mean(axis=0), label_scale(labels)
        inputs = keras.Input((spectra.shape[1],))
        x = inputs
        for width in self.hidden:
            x = layers.Dense(width, "gelu")(x)
        self.model = keras.Model(inputs, layers.Dense(labels.shape[1])(x))
        steps = self.epochs * -(-len(spectra) // 128)
        schedule = keras.optimizers.schedules.CosineDecay(1e-3, steps, alpha=1e-3)
        self.model.compile(keras.optimizers.Adam(schedule), "mse", jit_compile=True)
        targets = (labels - self.offset) / self.unit
        self.model.fit(
            self._scaled(spectra),
            targets,
            batch_size=128,
            epochs=self.epochs,
            verbose=0,
        )
        return self

    def predict(self, spectra: np.ndarray) -> np.ndarray:
        """Labels `(row, label)`."""
        raw = self.model.predict(self._scaled(spectra), batch_size=512, verbose=0)
        return raw * self.unit + self.offset

    def _scaled(self, spectra):
        return ((spectra - self.center) / self.spread).astype("float32")


def label_scale(labels: np.ndarray) -> np.ndarray:
    """Standard deviation of each label, never 0."""
    sd = labels.std(axis=0)
    return np.where(sd > 0, sd, 1.0)


BASELINES: dict[str, Callable] = {
    "pca_ridge": PcaRidge,
    "direct_mlp": DirectMlp,
    "carmenes_2024": PublishedRecipe,
}


def without_offset(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Predictions corrected by the mean error of all other rows.

    This is the simplest correction between two kinds of spectra. It needs labels of the
    very rows that are measured, each row's own excepted, so it is a yardstick only.

    Example:
        >>> without_offset(np.zeros(3), np.array([1.0, 1.0, 4.0])).tolist()
        [-1.5, -1.5, 3.0]
    """
    error = prediction - truth
    others = (error.sum(axis=0) - error) / (len(error) - 1)
    return prediction - others

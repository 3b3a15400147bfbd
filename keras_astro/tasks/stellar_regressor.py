"""The ensemble that learns labels from latents or spectra, as a stage of training."""

from __future__ import annotations

import keras
import numpy as np

from keras_astro.layers.ensemble import EnsembleNegativeLogLikelihood
from keras_astro.models import stellar as models
from keras_astro.tasks.base import Stage
from keras_astro.tasks.stellar_config import StellarConfig
from keras_astro.tasks.stellar_features import (
    BLOCK,
    LABELS,
    Features,
    Prepared,
    label_units,
)


def label_stage(
    config: StellarConfig, prepared: Prepared, encoder: keras.Model
) -> Stage:
    """Regression of standardised labels by all members at once."""
    settings = config.model
    seen = [
        regressor_features(config, encoder, part)
        for part in (prepared.train, prepared.validation)
    ]
    offset, unit = label_units(prepared.train.labels)
    targets = [
        ((part.labels - offset) / unit).astype("float32")
        for part in (prepared.train, prepared.validation)
    ]
    rate = settings.regressor_rate if settings.regressor == "dense" else 1.0
    return Stage(
        name="labels",
        model=build_regressor(config, seen[0]),
        inputs=seen[0],
        targets=targets[0],
        validation=(seen[1], targets[1]),
        loss=EnsembleNegativeLogLikelihood(settings.members),
        epochs=config.train.epochs,
        batch_size=config.train.batch_size,
        learning_rate=config.train.learning_rate * rate,
        # XLA wins for dense networks and loses for convolutions on CPUs.
        jit=settings.regressor == "dense",
    )


def regressor_features(
    config: StellarConfig, encoder: keras.Model, part: Features
) -> np.ndarray:
    """What the regressors see: latents and noise level, or normalised spectra."""
    if config.model.regressor == "direct_cnn":
        return part.normalised
    z = encoder.predict(part.coefficients, batch_size=BLOCK, verbose=0)
    return np.concatenate([z, part.level], axis=1)


def moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of all numbers of an array that may lie in a file.

    Example:
        >>> mean, sd = moments(np.array([[1.0, 3.0]]))
        >>> float(mean), float(sd)
        (2.0, 1.0)
    """
    total = square = 0.0
    for start in range(0, len(rows), BLOCK):
        block = np.asarray(rows[start : start + BLOCK], np.float64)
        total += block.sum()
        square += np.square(block).sum()
    mean = total / rows.size
    return np.array(mean), np.sqrt(np.maximum(square / rows.size - mean**2, 0.0))


def build_regressor(config: StellarConfig, seen: np.ndarray) -> keras.Model:
    """Standardisation of features, then the ensemble; `seen` are the training rows."""
    settings = config.model
    axis = None if settings.regressor == "direct_cnn" else 0
    mean, sd = (seen.mean(axis=0), seen.std(axis=0)) if axis == 0 else moments(seen)
    standardise = keras.layers.Normalization(
        axis=None if axis is None else -1,
        mean=mean.tolist(),
        variance=np.maximum(sd**2, 1e-12).tolist(),
        name="standardise",
    )
    width = seen.shape[1]
    if settings.regressor == "direct_cnn":
        ensemble = models.direct_cnn(width, len(LABELS), members=settings.members)
    else:
        ensemble = models.label_ensemble(
            width,
            len(LABELS),
            members=settings.members,
            kind=settings.regressor,
            hidden=settings.regressor_hidden,
        )
    inputs = keras.Input((width,), name="features")
    return keras.Model(inputs, ensemble(standardise(inputs)), name="regressor")

"""The full stellar model from its trained pieces."""

from __future__ import annotations

import keras

from keras_astro.models import stellar as models
from keras_astro.tasks.stellar_config import StellarConfig
from keras_astro.tasks.stellar_features import LABELS, Prepared, label_units


def join(
    config: StellarConfig,
    prepared: Prepared,
    encoder: keras.Model,
    decoder: keras.Model,
    regressor: keras.Model,
    *,
    calibration_rows: int,
    corrected: bool = False,
) -> keras.Model:
    """The full model with its units and references, not yet calibrated."""
    model = models.stellar_model(
        models.StellarParts(
            stem=prepared.stem,
            components=prepared.components,
            level=prepared.level,
            encoder=encoder,
            decoder=decoder,
            standardise=regressor.get_layer("standardise"),
            regressor=regressor.get_layer("label_ensemble"),
            members=config.model.members,
            direct=config.model.regressor == "direct_cnn",
            labels=LABELS,
        ),
        calibration_rows=calibration_rows,
        false_positive_rate=config.scores.false_positive_rate,
        corrected=corrected,
    )
    labels = prepared.train.labels
    model.get_layer("mixture").set_units(*label_units(labels))
    model.get_layer("extent").set_range(labels.min(axis=0), labels.max(axis=0))
    codes = encoder.predict(prepared.train.coefficients, verbose=0)
    model.get_layer("latent_distance").set_reference(codes)
    return model

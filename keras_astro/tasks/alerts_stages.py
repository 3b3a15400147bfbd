"""What an alerts run fits: all networks at once, or the autoencoder and then a head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.data.alert_histories import AlertHistories
from keras_astro.data.alert_schema import CLASSES
from keras_astro.errors import ConfigError
from keras_astro.models import alert_classifier
from keras_astro.tasks.alerts_config import AlertsConfig
from keras_astro.tasks.alerts_forest import forest_targets
from keras_astro.tasks.alerts_histories import Coder
from keras_astro.tasks.alerts_networks import (
    beside_width,
    build_autoencoder,
    build_autoencoder_parts,
    build_head,
    set_components,
    trained_parts,
    unread_columns,
)
from keras_astro.tasks.alerts_rows import (
    Beside,
    Rows,
    code_statistics,
    one_hot,
    orient,
    smoothed,
)
from keras_astro.tasks.base import Stage

# Codes of every training row in this many orientations train a frozen run's head.
HEAD_TURNS = 8


@dataclass
class Prepared:
    """Fitted preprocessing and cached frames of a run.

    Args:
        stem: Stamps to frame and measures.
        beside: What stands beside codes.
        train: Training rows.
        validation: Rows that never move a weight.
        histories: Of both, where alerts of one object are seen together.
    """

    stem: keras.Model
    beside: Beside
    train: Rows
    validation: Rows
    histories: tuple[AlertHistories, AlertHistories] | None = None


def joint_stage(config: AlertsConfig, prepared: Prepared) -> Stage:
    """Cross-entropy and reconstruction error, with one embedding for both."""
    if config.model.variational or config.objective.contractive:
        raise ConfigError(
            "model.mode = joint: variational and contractive codes are for the "
            "frozen mode",
            hint="Add --set model.mode=frozen",
        )
    frames = prepared.train.frames
    beside = beside_width(config)
    pair = build_autoencoder_parts(config, frames.shape[1:])
    if config.model.components:
        set_components(*pair, frames, seed=config.seed)
    model = alert_classifier.joint_model(
        *pair,
        build_head(config),
        beside=beside,
        weight=config.objective.reconstruction,
        seed=config.seed,
    )
    train, held = prepared.train.labelled, prepared.validation.labelled

    def inputs(rows: Rows) -> dict[str, np.ndarray]:
        found = {"frame": rows.frames}
        return found | ({"features": rows.features} if beside else {})

    weights = class_weights(config, train.labels)
    smoothing = config.objective.label_smoothing
    targets = smoothed(train.labels, smoothing, weights)
    share = config.objective.forest
    if share and beside:
        forest = forest_targets(config, train) * weights[train.labels][:, None]
        targets = (1 - share) * targets + share * forest
    return Stage(
        name="joint",
        model=model,
        inputs=inputs(train),
        targets=targets,
        validation=(inputs(held), smoothed(held.labels, smoothing, weights)),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        epochs=config.train.epochs,
        batch_size=config.train.batch_size,
        learning_rate=config.train.learning_rate,
    )


def autoencoder_stage(config: AlertsConfig, prepared: Prepared) -> Stage:
    """Reconstruction of frames in random orientations, with any penalties."""
    inner = build_autoencoder(config, prepared.train.frames)
    return Stage(
        name="autoencoder",
        model=alert_classifier.training_model(inner, seed=config.seed),
        inputs=prepared.train.frames,
        targets=None,
        validation=(prepared.validation.frames, None),
        loss=None,
        epochs=config.train.epochs,
        batch_size=config.train.batch_size,
        learning_rate=config.train.learning_rate,
    )


def classifier_stage(
    config: AlertsConfig, prepared: Prepared, trained: keras.Model
) -> Stage:
    """The head alone, on standardised codes of an encoder that stays as it is."""
    encoder = trained_parts(trained)[0]
    train, held = prepared.train.labelled, prepared.validation.labelled
    mean, sd = code_statistics(encoder, prepared.train.frames)

    def codes(rows: Rows, number: int) -> np.ndarray:
        z = encoder.predict(orient(rows.frames, number), verbose=0, batch_size=512)
        return np.concatenate([(z - mean) / sd, rows.features], axis=1)

    weights = class_weights(config, train.labels)
    return Stage(
        name="classifier",
        model=build_head(config),
        inputs=np.concatenate([codes(train, n) for n in range(HEAD_TURNS)]),
        targets=np.tile(one_hot(train.labels) * weights, (HEAD_TURNS, 1)),
        validation=(codes(held, 0), one_hot(held.labels) * weights),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        epochs=config.classifier.epochs,
        batch_size=256,
        learning_rate=1e-3,
    )


def coder_of(
    config: AlertsConfig, prepared: Prepared, models: Mapping[str, keras.Model]
) -> Coder:
    """The trained encoder and head of single alerts."""
    joint = models.get("joint")
    encoder, _ = trained_parts(joint or models["autoencoder"])
    return Coder(
        encoder,
        joint.get_layer("head") if joint else models["classifier"],
        *code_statistics(encoder, prepared.train.frames),
        standardised=joint is None,
        unread=unread_columns(config),
    )


def class_weights(config: AlertsConfig, labels: np.ndarray) -> np.ndarray:
    """Weight of each class, `(class,)`; cross-entropy is linear in its targets."""
    counts = np.bincount(labels, minlength=len(CLASSES))
    if config.objective.class_weights == "none":
        return np.ones(len(CLASSES), "float32")
    present = np.sum(counts > 0)
    return (len(labels) / (present * np.maximum(counts, 1))).astype("float32")

"""The full alert model of fitted pieces, with what rows fix in it."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np

from keras_astro.models.alert_classifier import (
    ClassifierParts,
    Decisions,
    alert_classifier,
)
from keras_astro.models.alert_histories import exportable, history_classifier
from keras_astro.models.alert_networks import without_dropout
from keras_astro.tasks.alerts_calibration import calibrate
from keras_astro.tasks.alerts_config import AlertsConfig
from keras_astro.tasks.alerts_histories import head_options
from keras_astro.tasks.alerts_networks import unread_columns
from keras_astro.tasks.base import Parts


def assembled(
    config: AlertsConfig,
    pieces: ClassifierParts,
    parts: Parts,
    statistics: tuple[np.ndarray, np.ndarray],
    *,
    standardised: bool = False,
    history: keras.Model | None = None,
) -> keras.Model:
    """Joins fitted pieces; held-out rows set temperature and p-values.

    Args:
        config: Decisions and orientations.
        pieces: What is joined; the head as it was trained.
        parts: Of which validation and calibration rows are read.
        statistics: Mean and sd of codes that count as usual.
        standardised: Whether the head reads codes that they standardise.
        history: The head of histories; None of a run of single alerts.
    """
    pieces = replace(pieces, head=without_dropout(pieces.head))
    decisions = Decisions(
        abstain_below=config.scores.abstain_below,
        calibration_rows=len(parts.calibration),
        false_positive_rate=config.scores.false_positive_rate,
    )
    turns = config.model.turns
    if history is None:
        model = alert_classifier(pieces, decisions, turns=turns)
    else:
        model = history_classifier(
            pieces,
            exportable(history, **head_options(config)),
            decisions,
            turns=turns,
            unread=unread_columns(config),
        )
    model.get_layer("embedding").set_reference(*statistics)
    if standardised:
        model.get_layer("standardise").set_reference(*statistics)
    calibrate(model, parts)
    return model

"""The full alert model of fitted networks, with what rows fix in it."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.data.alert_schema import CLASSES, FEATURES
from keras_astro.models import alert_classifier, alert_networks
from keras_astro.models.alert_histories import exportable, history_classifier
from keras_astro.tasks.alerts_calibration import calibrate
from keras_astro.tasks.alerts_config import AlertsConfig
from keras_astro.tasks.alerts_histories import head_options
from keras_astro.tasks.alerts_networks import unread_columns
from keras_astro.tasks.alerts_rows import Beside
from keras_astro.tasks.base import Parts


@dataclass
class Networks:
    """Fitted networks of a run.

    Args:
        stem: Stamps to frame and measures.
        encoder: Frame to `z`.
        decoder: `z` to frame.
        head: Code, with what stands beside it, to logits.
        beside: What that is.
        history: The head of histories; None of a run of single alerts.
    """

    stem: keras.Model
    encoder: keras.Model
    decoder: keras.Model
    head: keras.Model
    beside: Beside
    history: keras.Model | None = None


def assembled(
    config: AlertsConfig,
    networks: Networks,
    parts: Parts,
    statistics: tuple[np.ndarray, np.ndarray],
    *,
    standardised: bool = False,
) -> keras.Model:
    """Joins the networks; held-out rows set temperature and p-values.

    Args:
        config: Decisions and orientations.
        networks: What is joined.
        parts: Of which validation and calibration rows are read.
        statistics: Mean and sd of codes that count as usual.
        standardised: Whether the head reads codes that they standardise.
    """
    pieces = alert_classifier.ClassifierParts(
        stem=networks.stem,
        encoder=networks.encoder,
        decoder=networks.decoder,
        head=alert_networks.without_dropout(networks.head),
        classes=CLASSES,
        features=len(FEATURES) if networks.beside.metadata is not None else 0,
        measures=networks.beside.measures is not None,
    )
    decisions = alert_classifier.Decisions(
        abstain_below=config.scores.abstain_below,
        calibration_rows=len(parts.calibration),
        false_positive_rate=config.scores.false_positive_rate,
    )
    turns = config.model.turns
    if networks.history is None:
        model = alert_classifier.alert_classifier(pieces, decisions, turns=turns)
    else:
        model = history_classifier(
            pieces,
            exportable(networks.history, **head_options(config)),
            decisions,
            turns=turns,
            unread=unread_columns(config),
        )
    model.get_layer("embedding").set_reference(*statistics)
    if standardised:
        model.get_layer("standardise").set_reference(*statistics)
    networks.beside.copy_to(model)
    calibrate(model, parts)
    return model

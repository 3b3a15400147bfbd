"""Alerts of one object together: the rows and the fit of a history's head."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.data.alert_histories import AlertHistories
from keras_astro.data.alert_schema import CLASSES
from keras_astro.models.alert_histories import history_head
from keras_astro.tasks.alerts_config import AlertsConfig
from keras_astro.tasks.alerts_networks import beside_width
from keras_astro.tasks.alerts_rows import Rows, one_hot, orient
from keras_astro.tasks.base import Stage

# Codes of every history in this many orientations train its head.
TURNS = 4


@dataclass
class Coder:
    """The trained networks of single alerts, as a history's head meets them.

    Args:
        encoder: Frame to `z`.
        head: Code, with what stands beside it, to logits.
        mean: Of codes of training rows, `(latent,)`.
        sd: Of the same.
        standardised: Whether the head was trained on standardised codes.
        unread: See `unread_columns`.
    """

    encoder: keras.Model
    head: keras.Model
    mean: np.ndarray
    sd: np.ndarray
    standardised: bool
    unread: tuple[int, int]

    def logits(self, z: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Of single alerts, `(row, class)`."""
        code = (z - self.mean) / self.sd if self.standardised else z
        given = np.concatenate([code, features], axis=1)
        return self.head.predict(given, verbose=0, batch_size=2048)

    def steps(
        self, rows: Rows, history: AlertHistories, turn: int
    ) -> dict[str, np.ndarray]:
        """Inputs of a history's head for all rows, in one orientation."""
        frames = orient(rows.frames, turn)
        z = self.encoder.predict(frames, verbose=0, batch_size=512)
        code = np.delete((z - self.mean) / self.sd, slice(*self.unread), axis=1)
        exists = (history.before >= 0)[..., None]
        found = {
            name: np.where(exists, table[history.before], 0.0).astype("float32")
            for name, table in {
                "code": np.concatenate([code, rows.features], axis=1),
                "logits": self.logits(z, rows.features),
            }.items()
        }
        return found | history.times()


def head_options(config: AlertsConfig) -> dict:
    """With which the head of a history is built."""
    settings = config.model
    return {
        "steps": settings.max_alerts,
        "width": settings.latent_dim + beside_width(config),
        "classes": len(CLASSES),
        "kind": settings.sequence,
        "units": settings.units,
        "dropout": settings.dropout,
        "seed": config.seed,
    }


def history_stage(
    config: AlertsConfig,
    coder: Coder,
    train: tuple[Rows, AlertHistories],
    validation: tuple[Rows, AlertHistories],
    weights: np.ndarray,
) -> Stage:
    """The head of a history alone, on codes of networks that stay as they are.

    Args:
        config: Settings of the run.
        coder: The networks of single alerts.
        train: Single rows, and which of them make a history.
        validation: The same of rows that never move a weight.
        weights: Of each class.
    """

    def labelled(pair, turn):
        rows, history = pair
        known = rows.labels >= 0
        inputs = coder.steps(rows, history, turn)
        return {name: array[known] for name, array in inputs.items()}

    def targets(pair):
        labels = pair[0].labels
        return one_hot(labels[labels >= 0]) * weights

    turns = [labelled(train, turn) for turn in range(TURNS)]
    return Stage(
        name="history",
        model=history_head(**head_options(config)),
        inputs={name: np.concatenate([t[name] for t in turns]) for name in turns[0]},
        targets=np.tile(targets(train), (TURNS, 1)),
        validation=(labelled(validation, 0), targets(validation)),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        epochs=config.history.epochs,
        batch_size=256,
        learning_rate=1e-3,
    )

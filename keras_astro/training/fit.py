"""Fitting the stages of a task: optimiser, checkpoints, resume, history."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_astro.config import TrainConfig
from keras_astro.tasks.base import Stage
from keras_astro.training.batches import batches, count, gatherer
from keras_astro.training.checkpoint import Checkpoints, Recorder
from keras_astro.training.cluster import check_settings
from keras_astro.training.optimizer import FusedAdam
from keras_astro.training.replicas import (
    ReplicaLoop,
    check_agreement,
    copy_back,
    distributed,
)
from keras_astro.training.shares import held_shares, training_shares
from keras_astro.training.strategy import Team

# Steps a call on one device.
STEPS = 16

Progress = Callable[[str, int, int, dict[str, float]], None]


class Report(keras.callbacks.Callback):
    """Tells a progress function the stage, the epoch and the losses."""

    def __init__(self, stage: Stage, progress: Progress):
        super().__init__()
        self.stage = stage
        self.progress = progress

    def on_epoch_end(self, epoch, logs=None):
        self.progress(self.stage.name, epoch + 1, self.stage.epochs, dict(logs or {}))


def compile_stage(stage: Stage, train: TrainConfig, *, steps_per_epoch: int) -> None:
    """Compiles a stage's model with Adam and one cosine cycle over the whole stage."""
    shared = tf.distribute.get_strategy().num_replicas_in_sync > 1
    jit = train.jit == "on" or (train.jit == "auto" and stage.jit and not shared)
    schedule = keras.optimizers.schedules.CosineDecay(
        stage.learning_rate, stage.epochs * steps_per_epoch, alpha=1e-3
    )
    stage.model.compile(
        optimizer=FusedAdam(schedule, clipnorm=train.clip_norm),
        loss=stage.loss,
        metrics=list(stage.metrics),
        jit_compile=jit,
        steps_per_execution=1
        if shared
        else largest_divisor(
            steps_per_epoch,
            STEPS if train.steps_per_execution == "auto" else train.steps_per_execution,
        ),
    )


def largest_divisor(number: int, most: int) -> int:
    """The largest divisor of `number` up to `most`; an epoch must end with a call.

    Example:
        >>> largest_divisor(75, 16)
        15
    """
    return max(d for d in range(1, min(number, most) + 1) if number % d == 0)


def fit_stage(
    stage: Stage,
    train: TrainConfig,
    *,
    seed: int,
    checkpoints: Checkpoints | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    progress: Progress | None = None,
    team: Team | None = None,
) -> list[dict[str, float]]:
    """Fits one stage, from its checkpoint if it has one.

    Args:
        stage: What to fit. Its model is left with the last epoch's weights.
        train: Optimiser and checkpoint settings.
        seed: Run seed; data order is a function of it and of the stage's name.
        checkpoints: Where to save and to resume; nothing is saved when None.
        callbacks: Further Keras callbacks.
        progress: Called at each epoch's end.
        team: The replicas that share each batch; those of the present strategy when
            None.

    Raises:
        ConfigError: If replicas cannot keep a setting.
        ArtefactError: If another worker has other weights, settings or rows.

    Returns:
        One row an epoch: `epoch`, `loss`, `val_loss` and the named parts.
    """
    team = team or Team()
    given = stage
    if team.replicas > 1:
        check_settings(train, "mirrored", replicas=team.replicas)
        stage = distributed(stage, team)
    steps = -(-stage.rows // stage.batch_size)
    seed ^= zlib.crc32(stage.name.encode())
    with team.strategy.scope():
        compile_stage(stage, train, steps_per_epoch=steps)
        stage.model.optimizer.build(stage.model.trainable_variables)
    state = checkpoints.restore(stage.model) if checkpoints else None
    history = list(state["history"]) if state else []
    epochs = range(state["epoch"] if state else 0, stage.epochs)
    check_agreement(stage, team, stage.rows, stage.batch_size, epochs, seed)
    if epochs:
        recorder = Recorder(history, checkpoints, seconds=train.checkpoint_seconds)
        hooks = [recorder, *callbacks]
        if progress:
            hooks.append(Report(stage, progress))
        try:
            run = _fit_replicas if team.replicas > 1 else _fit_one
            run(stage, epochs=epochs, seed=seed, callbacks=hooks, team=team)
        except KeyboardInterrupt:
            recorder.save_last()
            raise
        if checkpoints:
            checkpoints.save(
                stage.model, epoch=stage.epochs, history=history, done=True
            )
    if stage is not given:
        copy_back(stage.model, given.model)
    return history


def _fit_one(stage: Stage, *, epochs: range, seed: int, callbacks, team: Team) -> None:
    dataset, steps = batches(
        stage.inputs,
        stage.targets,
        batch_size=stage.batch_size,
        epochs=epochs.stop,
        first_epoch=epochs.start,
        seed=seed,
    )
    stage.model.fit(
        dataset,
        epochs=epochs.stop,
        initial_epoch=epochs.start,
        steps_per_epoch=steps,
        validation_data=_validation(stage),
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )


def _fit_replicas(
    stage: Stage, *, epochs: range, seed: int, callbacks, team: Team
) -> None:
    rows = training_shares(
        stage.inputs,
        stage.targets,
        batch_size=stage.batch_size,
        epochs=epochs,
        seed=seed,
    )
    held, held_steps = held_shares(*stage.validation)
    ReplicaLoop(stage, team).fit(
        rows,
        held,
        epochs=epochs,
        steps=(-(-stage.rows // stage.batch_size), held_steps),
        callbacks=callbacks,
    )


def _validation(stage: Stage) -> tf.data.Dataset:
    inputs, targets = stage.validation
    arrays = inputs if targets is None else (inputs, targets)
    if any(isinstance(array, np.memmap) for array in tf.nest.flatten(arrays)):
        order = tf.data.Dataset.range(count(inputs)).batch(1024)
        return order.map(gatherer(inputs, targets)).prefetch(2)
    return tf.data.Dataset.from_tensor_slices(arrays).batch(1024).cache()


def write_history(path: Path, histories: dict[str, list[dict[str, float]]]) -> None:
    """Writes all stages' epochs as one CSV, a column for each named loss."""
    rows = [{"stage": s, **row} for s, history in histories.items() for row in history]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)

"""Fitting the stages of a task: optimiser, checkpoints, resume, history."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from keras_astro.config import TrainConfig
from keras_astro.errors import ConfigError
from keras_astro.tasks.base import Stage
from keras_astro.training.batches import batches
from keras_astro.training.checkpoint import Checkpoints, Recorder
from keras_astro.training.optimizer import FusedAdam

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
    mirrored = isinstance(tf.distribute.get_strategy(), tf.distribute.MirroredStrategy)
    if mirrored and train.jit == "on":
        raise ConfigError(
            "train.jit = on: XLA keeps variables on one device, mirrored needs several",
            hint="Use train.jit=auto with the mirrored strategy.",
        )
    jit = train.jit == "on" or (train.jit == "auto" and stage.jit and not mirrored)
    schedule = keras.optimizers.schedules.CosineDecay(
        stage.learning_rate, stage.epochs * steps_per_epoch, alpha=1e-3
    )
    stage.model.compile(
        optimizer=FusedAdam(schedule, clipnorm=train.clip_norm),
        loss=stage.loss,
        metrics=list(stage.metrics),
        jit_compile=jit,
        # Keras feeds several steps at once by a placeholder that replicas lack.
        steps_per_execution=1
        if mirrored
        else largest_divisor(steps_per_epoch, train.steps_per_execution),
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
) -> list[dict[str, float]]:
    """Fits one stage, from its checkpoint if it has one.

    Args:
        stage: What to fit. Its model is left with the last epoch's weights.
        train: Optimiser and checkpoint settings.
        seed: Run seed; data order is a function of it and of the stage's name.
        checkpoints: Where to save and to resume; nothing is saved when None.
        callbacks: Further Keras callbacks.
        progress: Called at each epoch's end.

    Returns:
        One row an epoch: `epoch`, `loss`, `val_loss` and the named parts.
    """
    salt = zlib.crc32(stage.name.encode())
    steps = -(-stage.rows // stage.batch_size)
    compile_stage(stage, train, steps_per_epoch=steps)
    state = checkpoints.restore(stage.model) if checkpoints else None
    history = list(state["history"]) if state else []
    first = state["epoch"] if state else 0
    if first >= stage.epochs:
        return history
    dataset, steps = batches(
        stage.inputs,
        stage.targets,
        batch_size=stage.batch_size,
        epochs=stage.epochs,
        first_epoch=first,
        seed=seed ^ salt,
    )
    recorder = Recorder(history, checkpoints, seconds=train.checkpoint_seconds)
    hooks = [recorder, *callbacks]
    if progress:
        hooks.append(Report(stage, progress))
    try:
        stage.model.fit(
            dataset,
            epochs=stage.epochs,
            initial_epoch=first,
            steps_per_epoch=steps,
            validation_data=_validation(stage),
            callbacks=hooks,
            shuffle=False,
            verbose=0,
        )
    except KeyboardInterrupt:
        recorder.save_last()
        raise
    if checkpoints:
        checkpoints.save(stage.model, epoch=stage.epochs, history=history, done=True)
    return history


def _validation(stage: Stage) -> tf.data.Dataset:
    inputs, targets = stage.validation
    arrays = inputs if targets is None else (inputs, targets)
    return tf.data.Dataset.from_tensor_slices(arrays).batch(1024).cache()


def write_history(path: Path, histories: dict[str, list[dict[str, float]]]) -> None:
    """Writes all stages' epochs as one CSV, a column for each named loss."""
    rows = [{"stage": s, **row} for s, history in histories.items() for row in history]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)

"""Fitting on several replicas with the numbers that one device gives.

Keras divides a batch into parts and takes the mean of their means: a last batch of
odd size then counts its rows unequally, gradients are clipped part by part, and with
several workers `fit` fails. Here every replica's mean is weighted by its rows, and
gradients are summed before they are clipped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from keras_astro.errors import ArtefactError, KastroError
from keras_astro.tasks.base import Stage
from keras_astro.training.saving import load_model, save_model
from keras_astro.training.state import state_variables
from keras_astro.training.strategy import Team

# What TensorFlow raises where the process at the other end is gone.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


def distributed(stage: Stage, team: Team) -> Stage:
    """The stage with a copy of its model whose variables every replica has."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stage.keras"
        save_model(stage.model, path)
        with team.strategy.scope():
            twin = load_model(path)
            metrics = [
                type(m).from_config(m.get_config())
                if isinstance(m, keras.metrics.Metric)
                else m
                for m in stage.metrics
            ]
    shapes = [[tuple(v.shape) for v in state_variables(m)] for m in (stage.model, twin)]
    if shapes[0] != shapes[1]:
        raise ArtefactError(
            f"stage {stage.name}: a saved and loaded copy of its model has "
            f"{len(shapes[1])} variables, not the same {len(shapes[0])}",
            hint="Train it on one device with train.strategy=cpu.",
        )
    return dataclasses.replace(stage, model=twin, metrics=metrics)


def copy_back(twin: keras.Model, model: keras.Model) -> None:
    """Gives a model the weights, and the state of its draws, of its copy."""
    pairs = zip(state_variables(twin), state_variables(model), strict=True)
    for source, target in pairs:
        target.assign(source.numpy())


def check_agreement(stage: Stage, team: Team, *facts: object) -> None:
    """Compares weights, optimiser and settings of all workers, bit by bit.

    Args:
        stage: Its model is compiled.
        team: Who has to agree.
        *facts: What else has to be the same, such as the epoch and the seed.

    Raises:
        ArtefactError: If a worker differs from the chief.
    """
    if team.workers == 1:
        return
    digest = hashlib.sha256(repr(facts).encode())
    for variable in [*state_variables(stage.model), *stage.model.optimizer.variables]:
        digest.update(variable.numpy().tobytes())
    found = team.together(list(digest.digest()))
    others = [i for i, one in enumerate(found) if one != found[0]]
    if others:
        raise ArtefactError(
            f"stage {stage.name}: weights, settings or rows of worker "
            f"{', '.join(map(str, others))} differ from those of worker 0",
            hint="Give every worker the same data, settings and package versions.",
        )


class ReplicaLoop:
    """Trains a compiled model whose variables every replica has.

    Args:
        stage: As from `distributed`, compiled.
        team: The replicas.
    """

    def __init__(self, stage: Stage, team: Team):
        self.model = stage.model
        self.team = team
        with team.strategy.scope():
            # Makes the variables of the metrics.
            self.model._symbolic_build(data_batch=stage.validation)
        own = {id(metric) for metric in self.model._get_own_metrics()}
        self.tracker = self.model._loss_tracker
        self.of_rows = [
            v
            for m in self.model.metrics
            if id(m) in own and m is not self.tracker
            for v in m.variables
        ]
        self.of_batches = [
            v for m in self.model.metrics if id(m) not in own for v in m.variables
        ]
        self.train_step = tf.function(self._stepper(training=True))
        self.test_step = tf.function(self._stepper(training=False))

    def fit(
        self,
        rows: Callable[[tf.distribute.InputContext], tf.data.Dataset],
        held: Callable[[tf.distribute.InputContext], tf.data.Dataset],
        *,
        epochs: range,
        steps: tuple[int, int],
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        """Runs epochs of `steps[0]` training steps and `steps[1]` of validation.

        Args:
            rows: Endless training parts of this process, as from `parts`.
            held: The same of validation rows.
            epochs: Numbers of the epochs, from 0.
            steps: Batches an epoch of each.
            callbacks: Called at the ends of epochs.

        Raises:
            KastroError: If another worker is gone.
        """
        strategy = self.team.strategy
        feeds = [
            iter(strategy.distribute_datasets_from_function(made))
            for made in (rows, held)
        ]
        hooks = keras.callbacks.CallbackList(
            list(callbacks), model=self.model, epochs=epochs.stop, steps=steps[0]
        )
        try:
            hooks.on_train_begin()
            for epoch in epochs:
                hooks.on_epoch_begin(epoch)
                logs = self._pass(self.train_step, feeds[0], steps[0])
                tested = self._pass(self.test_step, feeds[1], steps[1])
                logs |= {f"val_{name}": value for name, value in tested.items()}
                hooks.on_epoch_end(epoch, logs)
            hooks.on_train_end()
        except LOST as error:
            raise KastroError(
                f"another worker is gone ({type(error).__name__})",
                hint="Start all workers again with --resume; kastro launch does so.",
            ) from error

    def _pass(self, step, feed, steps: int) -> dict[str, float]:
        self.model.reset_metrics()
        for _ in range(steps):
            step(feed)
        found = self.model.get_metrics_result()
        return {name: float(value) for name, value in sorted(found.items())}

    def _stepper(self, *, training: bool):
        def step(feed):
            self.team.strategy.run(self._replica_step, args=(next(feed), training))

        return step

    def _replica_step(self, part, training: bool) -> None:
        """One replica's part of a batch; a part of 0 rows holds one that counts not."""
        data, mine, whole = part
        x, y = data if isinstance(data, tuple) else (data, None)
        model, replicas = self.model, float(self.team.replicas)
        share = mine / whole
        before = [tf.identity(v.value) for v in (*self.of_rows, *self.of_batches)]
        with tf.GradientTape() as tape:
            predicted = model(x, training=training)
            # Keras divides by the number of replicas, as if their parts were equal.
            loss = replicas * model.compute_loss(x, y, predicted, training=training)
            weighted = share * loss
        self.tracker.update_state(loss, sample_weight=mine)
        model.compute_metrics(x, y, predicted)
        counts = [tf.minimum(mine, 1.0)] * len(self.of_rows)
        counts += [replicas * share] * len(self.of_batches)
        changed = zip((*self.of_rows, *self.of_batches), before, counts, strict=True)
        for variable, old, count in changed:
            # A layer reports its part's mean once, whatever the number of rows.
            change = variable.value - old
            variable.assign_add((count - 1) * tf.cast(change, variable.dtype))
        if training:
            weights = model.trainable_weights
            gradients = tape.gradient(weighted, weights)
            model.optimizer.apply_gradients(zip(gradients, weights, strict=True))

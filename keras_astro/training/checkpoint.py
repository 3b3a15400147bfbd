"""Checkpoints of a stage: atomic, with optimiser, epoch and history."""

from __future__ import annotations

import json
import math
import time
import warnings
from pathlib import Path

import keras
from keras import ops

from keras_astro.errors import ArtefactError, DataError
from keras_astro.training.files import check_room, write_json
from keras_astro.training.state import state_variables

# What HDF5 writes beside the numbers: in all, and for each variable.
OVERHEAD_BYTES = 65536
VARIABLE_BYTES = 2048


class Checkpoints:
    """The checkpoints of one stage in a run folder.

    A state file names the weights file it belongs to and is replaced last, so that a
    kill at any moment leaves a pair that fits.

    Args:
        folder: The run's `checkpoints` folder.
        stage: Name of the stage.
        write: Whether this process writes; of several workers only the chief does.
    """

    def __init__(self, folder: Path, stage: str, *, write: bool = True):
        self.folder = folder
        self.stage = stage
        self.write = write
        self.state_path = folder / f"{stage}.json"

    @property
    def state(self) -> dict | None:
        """Epoch, history and whether the stage is finished; None before the first."""
        if not self.state_path.is_file():
            return None
        return json.loads(self.state_path.read_text())

    def save(self, model: keras.Model, *, epoch: int, history: list[dict], done: bool):
        """Writes the weights, then the state that points to them.

        Raises:
            DataError: If the disk refuses; the checkpoint before stays.
        """
        if not self.write:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{self.stage}-{epoch}{'-final' if done else ''}.weights.h5"
        target = self.folder / name
        partial = self.folder / f"partial-{name}"
        try:
            check_room(partial, _size(model))
            model.save_weights(partial)
            partial.replace(target)
        except (OSError, RuntimeError) as error:
            # HDF5 reports a full disk by either, the latter when it closes the file.
            partial.unlink(missing_ok=True)
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise DataError(
                f"{target}: cannot be written ({reason})",
                hint="Free disk space and continue with --resume.",
            ) from error
        write_json(
            self.state_path,
            {"epoch": epoch, "weights": name, "done": done, "history": history},
        )
        for pattern in (f"{self.stage}-*", f"partial-{self.stage}-*"):
            for old in self.folder.glob(f"{pattern}.weights.h5"):
                if old.name != name:
                    old.unlink()

    def restore(self, model: keras.Model) -> dict | None:
        """Loads weights and optimiser state into a compiled model, if there are any.

        Raises:
            ArtefactError: If they are of other networks than the model's.
        """
        state = self.state
        if state is not None:
            # Weights of an optimiser that has no variables yet are skipped in silence.
            model.optimizer.build(model.trainable_variables)
            path = self.folder / state["weights"]
            try:
                with warnings.catch_warnings():
                    # Keras warns of layers that the file does not have, and goes on.
                    warnings.filterwarnings("error", "Skipping nested container")
                    model.load_weights(path)
            except (ValueError, KeyError, OSError, UserWarning) as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise ArtefactError(
                    f"{path}: expected weights of the networks of this run's settings, "
                    f"found others ({reason})",
                    hint="Another version may have begun it: give the command again "
                    "without --resume and with another -o.",
                ) from error
        return state


def _size(model: keras.Model) -> int:
    """Bytes that the weights and the optimiser's state take, at most."""
    variables = [*model.variables, *model.optimizer.variables]
    numbers = sum(math.prod(v.shape) * v.value.dtype.size for v in variables)
    return numbers + VARIABLE_BYTES * len(variables) + OVERHEAD_BYTES


class Recorder(keras.callbacks.Callback):
    """Collects each epoch's losses and saves a checkpoint after each interval.

    Args:
        history: Rows of earlier epochs, extended in place.
        checkpoints: Where to save; nothing is saved when None.
        seconds: The interval; a checkpoint falls on the first epoch end after it.
    """

    def __init__(
        self, history: list, checkpoints: Checkpoints | None, *, seconds: float
    ):
        super().__init__()
        self.history = history
        self.checkpoints = checkpoints
        self.seconds = seconds
        self.last = time.monotonic()
        self.kept: list = []

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1} | {k: float(v) for k, v in (logs or {}).items()}
        self.history.append(row)
        if self.checkpoints and time.monotonic() - self.last >= self.seconds:
            self.checkpoints.save(
                self.model, epoch=epoch + 1, history=self.history, done=False
            )
            self.last = time.monotonic()
            self.kept = []
        elif self.checkpoints:
            self.kept = [ops.convert_to_numpy(v.value) for v in self._variables()]

    def save_last(self) -> None:
        """Saves the last whole epoch, where it is not saved yet, after an interrupt.

        The steps of the epoch that was cut off are undone: a resumed run then takes
        the steps that an uninterrupted one takes.
        """
        if not self.kept:
            return
        for variable, value in zip(self._variables(), self.kept, strict=True):
            variable.assign(value)
        self.checkpoints.save(
            self.model, epoch=len(self.history), history=self.history, done=False
        )

    def _variables(self) -> list:
        return [*state_variables(self.model), *self.model.optimizer.variables]

"""What a science case declares, so that one path serves all of them."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_astro.config import RunConfig
from keras_astro.data.sample import Sample, Schema, Source
from keras_astro.errors import UsageError

if TYPE_CHECKING:
    import keras

# One array, or several by name.
Arrays = np.ndarray | Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Stream:
    """Training rows made when a step asks for them, in place of stored ones.

    Args:
        make: From the number of a step, counted from the start of training, and the
            rows of a batch to `(inputs, targets)`; the same whenever it is asked, so
            that a resumed run agrees.
        rows: Rows that count as an epoch.
    """

    make: Callable[[int, int], tuple[Arrays, Arrays]]
    rows: int


@dataclass
class Stage:
    """One fit of a pipeline: a Keras model, its rows, and how long it trains.

    Args:
        name: Unique in its task; names the checkpoint and the history rows.
        model: Functional model, not yet compiled. Losses added by its layers count.
        inputs: Training rows, `(row, ...)`; an array or a memory map, or several by
            the names of the model's inputs; or a stream of inputs and targets.
        targets: What `loss` compares with; `inputs` when None.
        validation: `(inputs, targets)` that never move a weight.
        loss: Keras loss or its name; None when the layers add all losses.
        epochs: Passes over `inputs`.
        batch_size: Rows a step, over all replicas.
        learning_rate: Peak of the cosine schedule.
        jit: Whether XLA was measured to win for this model on one device.
        metrics: Named parts of the loss that the layers do not report themselves.
    """

    name: str
    model: keras.Model
    inputs: Arrays | Stream
    targets: Arrays | None
    validation: tuple[Arrays, Arrays | None]
    loss: Any
    epochs: int
    batch_size: int
    learning_rate: float
    jit: bool = False
    metrics: Sequence[Any] = ()

    @property
    def input_arrays(self) -> dict[str, np.ndarray]:
        """The inputs by name; a single one is called `input`. Of a stream, one row."""
        streamed = isinstance(self.inputs, Stream)
        inputs = self.inputs.make(0, 1)[0] if streamed else self.inputs
        return dict(inputs) if isinstance(inputs, Mapping) else {"input": inputs}

    @property
    def rows(self) -> int:
        """Training rows of an epoch."""
        if isinstance(self.inputs, Stream):
            return self.inputs.rows
        return len(next(iter(self.input_arrays.values())))


@dataclass
class Parts:
    """The four groups of rows of a run; only `train` and `validation` meet a fit.

    `calibration` sets thresholds and is held back from every fit; `test` is looked at
    by `evaluate` alone and holds the rows that are labelled anomalous.
    """

    train: Source
    validation: Source
    calibration: Source
    test: Source


class Adaptation(abc.ABC):
    """How a finished model is moved to observed rows, as `Task` is how one is made."""

    @abc.abstractmethod
    def stages(self) -> Iterator[Stage]:
        """The fits, in order; each is asked for when the one before is fitted."""

    @abc.abstractmethod
    def assemble(self, models: Mapping[str, keras.Model]) -> keras.Model:
        """The full model for observed rows."""

    @abc.abstractmethod
    def summary(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What the adaptation did: facts, and the codes of both domains."""


class Task(abc.ABC):
    """A science case: data, preprocessing, models and objective.

    The trainer calls `prepare`, fits each of `stages`, then calls `assemble`; the
    assembled model takes raw rows and is what is saved, exported and verified.
    """

    name: str
    schema: Schema
    # Units and description of every input and output of the full model, by name.
    terms: Mapping[str, tuple[str, str]]
    classes: tuple[str, ...] = ()
    # Settings of the model that prepared features depend on, as `model.metadata`.
    prepared_settings: tuple[str, ...] = ()

    @abc.abstractmethod
    def simulate(
        self, config: RunConfig, n: int, *, seed: int, jobs: int = 1, skip: int = 0
    ) -> Iterator[Sample]:
        """Rows with known truth, in blocks, without the first `skip` of them."""

    @abc.abstractmethod
    def prepare(self, config: RunConfig, parts: Parts) -> Any:
        """Fits preprocessing on the training rows and computes the cached features."""

    @abc.abstractmethod
    def stages(self, config: RunConfig, prepared: Any) -> list[Stage]:
        """The fits, in order."""

    @abc.abstractmethod
    def sketch(self, config: RunConfig) -> RunConfig:
        """Settings that build the same models from as few simulated rows as will do."""

    @abc.abstractmethod
    def stage_rows(self, config: RunConfig, train_rows: int) -> dict[str, int]:
        """Training rows of each stage when there are `train_rows` in the data."""

    @abc.abstractmethod
    def assemble(
        self,
        config: RunConfig,
        prepared: Any,
        models: Mapping[str, keras.Model],
        parts: Parts,
    ) -> keras.Model:
        """The full model: raw rows in, named scores and parameters out."""

    @abc.abstractmethod
    def endpoints(self, model: keras.Model) -> dict[str, keras.Model]:
        """The named signatures of the full model."""

    def adaptation(
        self,
        config: RunConfig,
        model: keras.Model,
        parts: Parts,
        observed: Source,
        labelled: Sample | None,
    ) -> Adaptation:
        """How the full model of a run is moved to observed rows without labels.

        Args:
            config: Settings of the new run.
            model: Full model of the parent run.
            parts: The parent's rows.
            observed: Rows to adapt to; targets are not there.
            labelled: A handful of observed rows with labels, where they are given.

        Raises:
            UsageError: If this case has no fine-tuning.
        """
        raise UsageError(
            f"{self.name}: a run of this case cannot be fine-tuned",
            hint="kastro finetune knows the cases stellar and alerts.",
        )

    def calibration(self, model: keras.Model) -> dict[str, float]:
        """The threshold of the full model and on how many rows it was set, if any."""
        return {}

    def starts(self, model: keras.Model) -> np.ndarray | None:
        """Codes that a search for the codes of other rows may begin from, if any."""
        return None

    def merit(
        self, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
    ) -> dict[str, float]:
        """What an artefact may not lose: at most 1, larger is better.

        Args:
            targets: Known truth by name, as far as the data has it.
            outputs: Outputs of `predict` by name.

        Returns:
            Figures of merit by name; none where they need truth that is not known.
        """
        return {}

    @abc.abstractmethod
    def objective(
        self, config: RunConfig, prepared: Any, models: Mapping[str, keras.Model]
    ) -> dict[str, float]:
        """Named numbers that tuning minimises; the key `objective` is the sum used."""

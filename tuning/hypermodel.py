"""A KerasTuner tuner whose trials run through a task's own training code."""

from __future__ import annotations

import functools
import gc
import math
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras_tuner.engine import base_tuner
from keras_tuner.errors import FailedTrialError

from keras_astro.config import RunConfig, build_config
from keras_astro.errors import ConfigError
from keras_astro.tasks.base import Parts, Stage, Task
from keras_astro.training.files import write_text
from keras_astro.training.fit import fit_stage
from keras_astro.training.plan import sketched_stages
from keras_astro.training.strategy import Team
from keras_astro.tuning.deploy import Convert, costs, deployed
from keras_astro.tuning.limits import LimitExceeded, Limits
from keras_astro.tuning.objectives import candidates
from keras_astro.tuning.oracles import REPEATS, SEED, Durable
from keras_astro.tuning.prepared import PreparedCache
from keras_astro.tuning.pruning import Rungs
from keras_astro.tuning.records import (
    SearchEvent,
    SearchProgress,
    TrialRecord,
    ranked,
)
from keras_astro.tuning.spaces import SearchSpace

STATUS = {"COMPLETED": "completed", "FAILED": "failed", "INVALID": "failed"}

# One failure is a bad point of the space; several in a row are a bad run.
FAILURES_IN_A_ROW = 3


class TaskTuner(base_tuner.BaseTuner):
    """Runs trials: prepare, fit the stages, ask the task for its objective.

    Args:
        task: The science case.
        parts: Rows, already blinded.
        config: The settings the search starts from.
        space: What is searched, fitted to `config`.
        oracle: Who chooses the values.
        folder: KerasTuner's project folder; a search found in it is continued.
        progress: Told at each epoch and trial.
        convert: Makes a model's file, where there are several objectives.
    """

    def __init__(
        self,
        task: Task,
        parts: Parts,
        config: RunConfig,
        space: SearchSpace,
        oracle: Durable,
        folder: Path,
        *,
        progress: SearchProgress | None = None,
        convert: Convert | None = None,
    ):
        self.task = task
        self.parts = parts
        self.convert = convert
        self.config = config
        self.space = space
        self.folder = Path(folder)
        self.progress = progress
        self.began = 0.0
        self.prepared = PreparedCache(
            lambda trial_config: task.prepare(trial_config, parts),
            limit_bytes=config.data.memory_limit_mb * 500_000,
            settings=task.prepared_settings,
        )
        oracle.candidates = self.candidates
        super().__init__(
            oracle, directory=str(self.folder.parent), project_name=self.folder.name
        )

    def run_trial(self, trial, **_) -> dict[str, float]:
        values = trial.hyperparameters.values
        epochs = int(values.get("tuner/epochs", self.config.tune.epochs))
        parent, repeated = values.get("tuner/trial_id"), values.get(REPEATS)
        seed = self.trial_seed(repeated or self.first_round(trial), values.get(SEED))
        self.note(trial.trial_id, {"epochs": epochs, "seed": seed, "parent": parent})
        if self.config.tune.prune:
            # What a run of this trial that was cut off left behind.
            self.note(trial.trial_id, {"rungs": {}, "pruned": None})
        overrides = self.space.sample(trial.hyperparameters)
        if repeated is not None:
            # Its settings are to be judged by a whole training.
            overrides |= {"tune.prune": False}
        config = self.trial_config({**overrides, "train.epochs": epochs})
        tune = config.tune
        # Made here the first time, at the cost of no trial and before its seed is set.
        compared = self.last_stage.name if tune.prune else None
        try:
            with Limits(seconds=tune.trial_seconds, memory_mb=tune.trial_memory_mb):
                return self.measure(trial, config, seed=seed, compared=compared)
        except LimitExceeded as error:
            raise FailedTrialError(str(error)) from None

    def measure(
        self, trial, config: RunConfig, *, seed: int, compared: str | None
    ) -> dict[str, float]:
        """Fits a trial and returns all that is finite of what it is judged by."""
        prepared = self.prepared.get(config)
        keras.utils.set_random_seed(seed)
        models = self.fit(trial, config, prepared, seed=seed, compared=compared)
        found = self.task.objective(config, prepared, models)
        finite = {k: float(v) for k, v in found.items() if math.isfinite(v)}
        if "objective" not in finite:
            raise FailedTrialError(f"the objective is {found.get('objective')}")
        if len(config.tune.objectives) > 1:
            endpoints = deployed(self.task, config, prepared, models, self.parts)
            finite |= costs(endpoints, self.convert, self.parts)
        return finite

    def trial_config(self, overrides: Mapping[str, Any]) -> RunConfig:
        """The run's settings with a trial's values and what holds during a search."""
        overrides = {**overrides, **self.space.during_search}
        return with_values(self.config, overrides)

    def trial_seed(self, trial_id: str, repeat: int | None = None) -> int:
        """The seed of a trial, or of one of its repeats, which are numbered from 1."""
        entropy = [self.config.seed, int(trial_id)]
        sequence = np.random.SeedSequence(entropy + ([repeat] if repeat else []))
        return int(sequence.generate_state(1)[0] >> 1)

    def first_round(self, trial) -> str:
        """Id of the trial that began with a trial's settings; itself but for hyperband.

        All rounds of hyperband train with the seed of the first, so that between two of
        them the settings have more epochs and no other luck.
        """
        while parent := trial.hyperparameters.values.get("tuner/trial_id"):
            trial = self.oracle.get_trial(parent)
        return trial.trial_id

    def fit(
        self,
        trial,
        config: RunConfig,
        prepared: Any,
        *,
        seed: int,
        compared: str | None = None,
    ) -> dict[str, keras.Model]:
        """Fits all stages of a trial, from their first weights.

        At epochs of the stage `compared`, the last, the trial is compared with others
        and may end.

        A later round of hyperband trains settings anew, for more epochs. Its rate falls
        once, over all of them, as in any training of that length. With the weights of
        the round before, whose rate had come to zero, the epochs of that round are
        saved and nearly all that they taught is lost.
        """
        models: dict[str, keras.Model] = {}

        def ask(epoch: int) -> bool:
            found = self.task.objective(config, prepared, models)
            return self.rung(trial.trial_id, epoch, float(found["objective"]))

        def report(name, epoch, epochs, logs):
            self._tell("epoch", trial, epoch=epoch, epochs=epochs)

        for stage in self.task.stages(config, prepared):
            models[stage.name] = stage.model
            rungs = [Rungs(stage.epochs, ask)] if stage.name == compared else []
            fit_stage(
                stage,
                config.train,
                seed=seed,
                callbacks=rungs,
                progress=report,
                team=Team.of(config.train),
            )
        return models

    @functools.cached_property
    def last_stage(self) -> Stage:
        """The stage at whose epochs trials are compared, of few rows.

        A stage may be made only when those before it are fitted, so that which one is
        the last is seen on stages that nobody fits.
        """
        config = self.trial_config({"train.epochs": self.config.tune.epochs})
        *_, last = sketched_stages(self.task, config, self.parts)
        return last

    def note(self, trial_id: str, facts: dict[str, Any]) -> None:
        """Keeps what KerasTuner's trial has no place for."""
        self.oracle.notes.setdefault(trial_id, {}).update(facts)

    def rung(self, trial_id: str, epoch: int, value: float) -> bool:
        """Whether a trial goes on after an epoch at which trials are compared."""
        return self.oracle.rung(trial_id, epoch, value)

    def on_trial_begin(self, trial):
        self.began = time.monotonic()
        self.started(trial)

    def started(self, trial) -> None:
        """Tells that a trial begins."""
        self._tell("started", trial)

    def on_trial_end(self, trial):
        facts = {"seconds": round(time.monotonic() - self.began, 2)}
        if trial.message:
            facts["reason"] = reason(trial.message)
            log = Path(self.get_trial_dir(trial.trial_id)) / "error.txt"
            write_text(log, trial.message)
        self.note(trial.trial_id, facts)
        super().on_trial_end(trial)
        keras.backend.clear_session()
        gc.collect()
        self.ended(trial.trial_id)

    def ended(self, trial_id: str) -> None:
        """Tells that a trial has ended, and ends a search in which all fail."""
        trial = self.oracle.get_trial(trial_id)
        self._tell(STATUS[trial.status], trial)
        self._check_failures()

    def _check_failures(self) -> None:
        records = [self._record(self.oracle.trials[i]) for i in self.oracle.start_order]
        ended = [record for record in records if record.status != "running"]
        last = ended[-FAILURES_IN_A_ROW:]
        failed = [record for record in last if record.status == "failed"]
        # Trainings with other seeds follow a search; without a best there are none.
        searched = [record for record in ended if record.repeated is None]
        hopeless = len(searched) == self.oracle.search_trials and all(
            record.status == "failed" for record in searched
        )
        if len(failed) == FAILURES_IN_A_ROW or hopeless:
            raise ConfigError(
                f"the search stopped after {len(failed)} trials in a row failed; "
                f"the last: {failed[-1].reason}",
                hint=after_failures(self.folder, exhausted=self.oracle.exhausted),
            )

    def records(self) -> list[TrialRecord]:
        """All trials so far, in the order of starting, with their repeats."""
        found = [self._record(self.oracle.trials[i]) for i in self.oracle.start_order]
        repeats: dict[int, list[TrialRecord]] = {}
        for record in found:
            if record.repeated is not None:
                repeats.setdefault(record.repeated, []).append(record)
        return [
            replace(record, repeats=tuple(repeats.get(record.number, ())))
            for record in found
            if record.repeated is None
        ]

    def candidates(self) -> list[str]:
        """Ids of the trials that are trained again with other seeds."""
        chosen = candidates(self.records(), self.config.tune)
        numbers = {int(i) + 1: i for i in self.oracle.start_order}
        return [numbers[record.number] for record in chosen]

    def _record(self, trial) -> TrialRecord:
        note = self.oracle.notes.get(trial.trial_id, {})
        parent = note.get("parent")
        metrics = {
            name: float(history.get_best_value())
            for name, history in trial.metrics.metrics.items()
        }
        repeated = trial.hyperparameters.values.get(REPEATS)
        status = STATUS.get(trial.status, "running")
        pruned = note.get("pruned") if status == "completed" else None
        return TrialRecord(
            number=int(trial.trial_id) + 1,
            status="pruned" if pruned else status,
            values=self.space.sample(trial.hyperparameters),
            objective=metrics.pop("objective", None),
            metrics=metrics,
            epochs=pruned or note.get("epochs", 0),
            parent=None if parent is None else int(parent) + 1,
            seed=note.get("seed", 0),
            seconds=note.get("seconds", 0.0),
            reason=note.get("reason", ""),
            repeated=None if repeated is None else int(repeated) + 1,
        )

    def _tell(self, kind: str, trial, *, epoch: int = 0, epochs: int = 0) -> None:
        if self.progress is None:
            return
        records = self.records()
        best = ranked(records)
        record = self._record(trial)
        self.progress(
            SearchEvent(
                kind=kind,
                trial=record.number,
                trials=self.oracle.max_trials,
                record=record,
                best=best[0] if best else None,
                epoch=epoch,
                epochs=epochs,
            )
        )

    # KerasTuner keeps a file of the tuner, which has no state, and takes its absence
    # for the absence of a search. The oracle's file is the search.

    def _get_tuner_fname(self) -> str:
        return str(self.oracle.state_path)

    def save(self):
        self.oracle.save()

    def reload(self):
        self.oracle.reload()


def with_values(config: RunConfig, overrides: Mapping[str, Any]) -> RunConfig:
    """A configuration with dotted keys replaced, validated again.

    Raises:
        ConfigError: If a key is unknown or a value out of range.

    Example:
        >>> config = with_values(RunConfig(task="demo"), {"train.batch_size": 7})
        >>> config.train.batch_size
        7
    """
    values = config.model_dump(mode="json")
    for key, value in overrides.items():
        *parents, last = key.split(".")
        node = values
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = list(value) if isinstance(value, tuple) else value
    return build_config(type(config), values, where="the search space")


def after_failures(folder: Path, *, exhausted: bool) -> str:
    """What to do when a search ends without a best trial.

    Args:
        folder: Of the trials.
        exhausted: Whether no trial is left that a resumed search could try.
    """
    again = "start again with --overwrite, or in another folder"
    way = again if exhausted else "continue with --resume"
    return f"Tracebacks are in {folder}/trial_*/error.txt. Mend the cause and {way}."


def reason(message: str) -> str:
    r"""The line of a traceback that names the error.

    Example:
        >>> reason("Traceback\n  File ...\nkeras_astro.errors.DataError: no rows\n")
        'DataError: no rows'
    """
    # An error may name another, in its message or as its cause: the last traceback is
    # its own, and in it the first line that is not indented.
    last = message.rpartition("Traceback")[2]
    named = re.findall(r"^(?:\w+\.)*(\w+: .*)$", last, flags=re.MULTILINE)
    return named[0] if named else last.strip().splitlines()[-1].strip()

"""KerasTuner's oracles, made to survive a kill at any moment.

KerasTuner writes its state in several files, one after the other and not atomically,
and leaves some of it out. Here one file holds everything and is replaced in one step.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import oracles
from keras_tuner.engine import trial as trials_module

from keras_astro.config import RunConfig
from keras_astro.training.files import write_json
from keras_astro.tuning.objectives import COLUMNS, draw_weights, scalarise
from keras_astro.tuning.plan import FACTOR, hyperband_sizes
from keras_astro.tuning.pruning import keeps
from keras_astro.tuning.spaces import SearchSpace

RUNNING, COMPLETED, FAILED = "RUNNING", "COMPLETED", "FAILED"
IDLE, STOPPED = "IDLE", "STOPPED"

# A trial at which that many workers died is at fault itself.
MOST_DEATHS = 2


# Among a trial's values: whose settings it trains again, and with which new seed.
REPEATS, SEED = "tuner/repeats", "tuner/seed"


def is_repeat(trial: trials_module.Trial) -> bool:
    """Whether a trial trains the settings of another one with another seed."""
    return REPEATS in trial.hyperparameters.values


class _Waiting(Exception):
    """There is nothing to hand out before another trial ends."""


class Durable:
    """Mixed into an oracle: whole state in one atomic file, given settings first.

    Attributes:
        notes: What KerasTuner's trials have no place for, by trial id.
        objectives: What is minimised; KerasTuner itself minimises one number.
    """

    notes: dict[str, dict[str, Any]]
    objectives: tuple[str, ...] = ("quality",)
    # Trainings of the best trials with other seeds follow the search: from what is
    # asked for then to the ids of those trials, and how often each is trained.
    candidates: Callable[[], list[str]] = staticmethod(list)
    seeds: int = 0
    search_trials: int

    @property
    def state_path(self) -> Path:
        """The file that holds the whole state."""
        return Path(self._get_oracle_fname())

    def get_state(self) -> dict[str, Any]:
        trials = {key: trial.get_state() for key, trial in self.trials.items()}
        return super().get_state() | {"trials": trials, "notes": self.notes}

    def save(self) -> None:
        write_json(self.state_path, self.get_state())

    def reload(self) -> None:
        state = json.loads(self.state_path.read_text())
        self.trials = {
            key: trials_module.Trial.from_state(trial)
            for key, trial in state["trials"].items()
        }
        self.notes = state["notes"]
        self.set_state(state)
        # A trial that was ended but not yet taken off the list is not run again.
        for trial in self.ongoing_trials.values():
            if trial.status == RUNNING and trial.trial_id not in self._retry_queue:
                trial.metrics = type(trial.metrics)()
                self._retry_queue.append(trial.trial_id)
        self.ongoing_trials = {}

    @property
    def exhausted(self) -> bool:
        """Whether all was handed out and none is to be run again."""
        if self._retry_queue or len(self.trials) < self.search_trials:
            return False
        # There may be fewer candidates than asked for.
        due = len(self.candidates()) * self.seeds if self.seeds > 1 else 0
        return sum(map(is_repeat, self.trials.values())) >= due

    @keras_tuner.synchronized
    def create_trial(self, tuner_id: str) -> trials_module.Trial:
        trial = super().create_trial(tuner_id)
        # A worker stays while others are at work, because one of them may die.
        if trial.status == STOPPED and self.ongoing_trials:
            trial.status = IDLE
        return trial

    @keras_tuner.synchronized
    def rung(self, trial_id: str, epoch: int, value: float) -> bool:
        """Whether a trial with this objective after so many epochs goes on."""
        note = self.notes.setdefault(trial_id, {})
        if math.isfinite(value):
            note.setdefault("rungs", {})[str(epoch)] = value
        rungs = [other.get("rungs") or {} for other in self.notes.values()]
        seen = [found[str(epoch)] for found in rungs if str(epoch) in found]
        if keeps(value, seen):
            return True
        note["pruned"] = epoch
        return False

    @keras_tuner.synchronized
    def release(self, tuner_id: str, reason: str) -> str | None:
        """Takes the trial of a worker that died, to be run again or, twice, no more.

        Args:
            tuner_id: The worker.
            reason: How it died.

        Returns:
            The trial if it has failed by that.
        """
        trial = self.ongoing_trials.get(tuner_id)
        if trial is None or trial.status != RUNNING:
            return None
        note = self.notes.setdefault(trial.trial_id, {})
        note["deaths"] = note.get("deaths", 0) + 1
        if note["deaths"] >= MOST_DEATHS:
            note["reason"] = f"{reason}, {note['deaths']} times"
            trial.status = FAILED
            self.end_trial(trial)
            return trial.trial_id
        del self.ongoing_trials[tuner_id]
        trial.metrics = type(trial.metrics)()
        self._retry_queue.append(trial.trial_id)
        self.save()
        return None

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        begun = sum(map(is_repeat, self.trials.values()))
        if not begun and len(self.trials) < self.search_trials:
            if len(self.objectives) > 1:
                self._rescore(int(trial_id))
            found = self.draw(trial_id)
            if found["status"] != STOPPED:
                return found
        return self._repeat(begun)

    def draw(self, trial_id: str) -> dict[str, Any]:
        """What KerasTuner's `populate_space` is asked for: the next trial's values."""
        return super().populate_space(trial_id)

    def _repeat(self, begun: int) -> dict[str, Any]:
        """The values of the next training with another seed.

        All candidates are trained with one seed before any is with the next. They are
        settled when the search is over, so that none is chosen too early.
        """
        searching = [t for t in self.ongoing_trials.values() if not is_repeat(t)]
        if self.seeds < 2 or searching:
            return {"status": STOPPED}
        plan = [(i, n + 1) for n in range(self.seeds) for i in self.candidates()]
        if begun >= len(plan):
            return {"status": STOPPED}
        trial_id, number = plan[begun]
        given = self.trials[trial_id].hyperparameters.values
        values = {k: v for k, v in given.items() if not k.startswith("tuner/")}
        return {"status": RUNNING, "values": values | {REPEATS: trial_id, SEED: number}}

    def _rescore(self, number: int) -> None:
        """Scores completed trials anew, by the trade-off drawn for the next trial."""
        done = [t for t in self.trials.values() if t.status == COMPLETED]
        if not done:
            return
        names = [COLUMNS[objective] for objective in self.objectives]
        values = [[t.metrics.get_best_value(n) for n in names] for t in done]
        weights = draw_weights(self.seed, number, len(names))
        for trial, score in zip(
            done, scalarise(np.array(values), weights), strict=True
        ):
            trial.score = float(score)

    def _random_values(self) -> dict[str, Any] | None:
        # The settings given come first, so that no search ends worse than they are.
        if not self.start_order:
            return {hp.name: hp.default for hp in self.hyperparameters.space}
        return super()._random_values()


class RandomOracle(Durable, oracles.RandomSearchOracle):
    """Settings drawn at random."""


class BayesianOracle(Durable, oracles.BayesianOptimizationOracle):
    """Settings where a Gaussian process expects a low objective."""

    def draw(self, trial_id: str) -> dict[str, Any]:
        # KerasTuner does not save where its generator stands; one for each trial needs
        # no saving.
        self._random_state = np.random.default_rng([self.seed, int(trial_id)])
        with warnings.catch_warnings():
            # Few points often leave the process' length scale at an end of its range:
            # nothing to be mended by whoever searches.
            warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
            return super().draw(trial_id)


class GridOracle(Durable, oracles.GridSearchOracle):
    """All combinations, the last dimensions varied first."""

    def draw(self, trial_id: str) -> dict[str, Any]:
        found = super().draw(trial_id)
        # The space does not grow, so that the next worker need not wait for this one.
        if found["status"] == RUNNING:
            self._populate_next.append(trial_id)
        return found

    def reload(self) -> None:
        super().reload()
        # KerasTuner does not save where it stands. In a space that does not grow
        # combinations are tried in their order, which is that of starting.
        searched = [i for i in self.start_order if not is_repeat(self.trials[i])]
        for trial_id in searched:
            self._ordered_ids.insert(trial_id)
        self._populate_next = searched


class HyperbandOracle(Durable, oracles.HyperbandOracle):
    """Many short trials, of which the best go on, within a number of trials.

    Args:
        trials: All trials, each round's counted.
        max_epochs: Epochs of the last round.
        **options: As for KerasTuner's oracle.
    """

    def __init__(self, *, trials: int, max_epochs: int, **options):
        self.sizes = hyperband_sizes(trials, max_epochs)
        super().__init__(max_epochs=max_epochs, factor=FACTOR, **options)
        self.max_trials = trials

    def draw(self, trial_id: str) -> dict[str, Any]:
        try:
            return super().draw(trial_id)
        except _Waiting:
            return {"status": IDLE}

    def _increment_bracket_num(self) -> None:
        # While trials are under way the next round of their bracket may be due; one of
        # the next bracket would take its place among the number of trials.
        if self.ongoing_trials:
            raise _Waiting
        super()._increment_bracket_num()

    def _get_size(self, bracket_num: int, round_num: int) -> int:
        return self.sizes[bracket_num][round_num]

    def _get_num_brackets(self) -> int:
        return len(self.sizes)


def make_oracle(space: SearchSpace, config: RunConfig) -> Durable:
    """The oracle that a run's settings ask for.

    Args:
        space: What is searched, fitted to the run's settings.
        config: Its `tune` section names the oracle and its budget. Equal seeds and
            results give equal searches.
    """
    name, trials = config.tune.oracle, config.tune.trials
    hp = keras_tuner.HyperParameters()
    space.sample(hp)
    options = {
        "objective": keras_tuner.Objective("objective", "min"),
        "hyperparameters": hp,
        "tune_new_entries": False,
        "allow_new_entries": False,
        # KerasTuner takes 0 for no seed.
        "seed": config.seed + 1,
        # Failures in a row are counted by the tuner, after the state is saved.
        "max_consecutive_failed_trials": trials + config.tune.repeats + 1,
    }
    if name == "hyperband":
        oracle = HyperbandOracle(
            trials=trials, max_epochs=config.tune.epochs, **options
        )
    elif name == "bayesian":
        # KerasTuner's three random points a dimension would use up most searches.
        first = max(3, min(2 * len(space.dimensions), trials // 3))
        oracle = BayesianOracle(max_trials=trials, num_initial_points=first, **options)
    elif name == "random":
        oracle = RandomOracle(max_trials=trials, **options)
    else:
        oracle = GridOracle(max_trials=trials, **options)
    oracle.notes = {}
    oracle.objectives = config.tune.objectives
    oracle.seeds = config.tune.seeds
    # What KerasTuner takes for the end is the end of both.
    oracle.search_trials = trials
    oracle.max_trials = trials + config.tune.repeats
    oracle.verbose = 0
    return oracle

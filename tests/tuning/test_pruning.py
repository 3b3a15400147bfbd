import dataclasses
import signal

import numpy as np
import pytest
from fake_case import SPACE, FakeTask
from fake_search import Killed, killer, outcome, rows_of, run_search

from keras_astro.errors import UsageError
from keras_astro.tuning.pruning import keeps, rung_epochs


@pytest.mark.parametrize("count", [3, 6, 7, 30])
def test_a_third_goes_on_of_those_that_have_come(count):
    values = list(np.linspace(1, 2, count))
    assert sum(keeps(v, values) for v in values) == count // 3
    assert keeps(values[0], values)


def test_no_trial_is_stopped_by_too_few_others_or_goes_on_without_a_number():
    assert keeps(9.0, [1.0, 9.0])
    assert not keeps(float("nan"), [])


def test_rungs_lie_a_factor_of_three_apart():
    assert rung_epochs(135) == [5, 15, 45]
    assert rung_epochs(14) == []


def prune(folder, **options):
    return run_search(
        folder,
        "tune.epochs=15",
        "tune.prune=true",
        "tune.trials=6",
        task=FakeTask(),
        oracle="random",
        **options,
    )


def test_trials_far_behind_are_stopped_and_not_ranked(tmp_path):
    with pytest.raises(Killed):
        prune(tmp_path / "a", progress=killer("started", 5))
    result = prune(tmp_path / "a", resume=True)
    status = [record.status for record in result.records]
    assert status[:2] == ["completed"] * 2
    assert set(status) == {"completed", "pruned"}
    for record in result.records:
        assert record.epochs == (5 if record.status == "pruned" else 15)
        assert np.isfinite(record.objective)
    assert "pruned" not in {record.status for record in result.ranking}
    rows = rows_of(result.folder)
    assert [row["rank"] for row in rows if row["status"] == "pruned"] == [""] * (
        status.count("pruned")
    )
    assert "stopped early" in (result.folder / "tuning.html").read_text()
    whole = prune(tmp_path / "whole")
    assert outcome(whole.records) == outcome(result.records)


class Lazy(FakeTask):
    """A case that makes its second stage when the first is fitted, as most do."""

    def stages(self, config, prepared):
        first, _ = super().stages(config, prepared)
        before = [w.copy() for w in first.model.get_weights()]
        first.name = "first"
        yield first
        self.fitted = any(
            np.any(a != b)
            for a, b in zip(before, first.model.get_weights(), strict=True)
        )
        yield self._stage("toy", config, prepared)


def test_trials_of_stages_that_are_made_one_by_one_are_compared_in_the_last(tmp_path):
    task = Lazy()
    settings = ["tune.epochs=15", "tune.prune=true", "tune.trials=4"]
    settings.append("physics.enabled=true")
    over = dataclasses.replace(SPACE, during_search={})
    result = run_search(
        tmp_path / "a", *settings, task=task, oracle="random", over=over
    )
    assert {record.status for record in result.records} == {"completed", "pruned"}
    assert task.fitted


class Short(FakeTask):
    """A case whose last stage has its own number of epochs, as heads of alerts do."""

    def stages(self, config, prepared):
        (stage,) = super().stages(config, prepared)
        stage.epochs = 14
        return [stage]


def test_pruning_that_can_stop_nothing_is_told(tmp_path):
    told = []
    settings = ["tune.epochs=15", "tune.prune=true", "tune.trials=1"]
    run_search(tmp_path / "a", *settings, task=Short(), story=told.append)
    assert told == [
        "--prune stops no trial: they are compared in the last stage, toy, after 5 or "
        "more and at most a third of its epochs, and it has 14"
    ]
    told.clear()
    run_search(tmp_path / "b", *settings, task=FakeTask(), story=told.append)
    assert told == []


class Watched(FakeTask):
    """Notes at each making of stages the rows, and whether a limit is set."""

    def __init__(self):
        super().__init__()
        self.timed, self.rows = [], []

    def stages(self, config, prepared):
        self.timed.append(signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0))
        self.rows.append(len(prepared["train"]))
        return super().stages(config, prepared)


def test_the_last_stage_is_found_at_the_cost_of_no_trial(tmp_path, monkeypatch):
    """It is made on few rows, and before a trial's clock begins to run."""
    monkeypatch.setattr("keras_astro.training.plan.SKETCH_ROWS", 20)
    task = Watched()
    settings = ["tune.epochs=15", "tune.prune=true", "tune.trials=2"]
    settings.append("tune.trial_seconds=60")
    run_search(tmp_path / "a", *settings, task=task)
    assert task.timed == [False, True, True]
    assert task.rows[0] == 20 < task.rows[1]


def test_hyperband_takes_no_pruning(tmp_path):
    with pytest.raises(UsageError, match="takes no --prune"):
        run_search(tmp_path / "a", "tune.prune=true", oracle="hyperband")
    assert not (tmp_path / "a").exists()

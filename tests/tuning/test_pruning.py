import dataclasses

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


def test_hyperband_takes_no_pruning(tmp_path):
    with pytest.raises(UsageError, match="takes no --prune"):
        run_search(tmp_path / "a", "tune.prune=true", oracle="hyperband")
    assert not (tmp_path / "a").exists()

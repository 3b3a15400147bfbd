import json

import pytest
from fake_case import FakeTask
from fake_search import rows_of, run_search

from keras_astro.errors import ConfigError, DataError
from keras_astro.tuning.hypermodel import reason
from keras_astro.tuning.spaces import Dimension, SearchSpace


def three_failures(start):
    return {
        start: "nan",
        start + 1: ValueError("no such frame"),
        start + 2: DataError("rows.fits: expected 3 bands, found 1"),
    }


def test_failed_trials_are_recorded_and_the_search_goes_on(tmp_path):
    task = FakeTask(fits=False, failures={2: "nan", 4: ValueError("no such frame")})
    result = run_search(tmp_path / "a", task=task)
    status = {record.number: record.status for record in result.records}
    assert [n for n, s in status.items() if s == "failed"] == [2, 4]
    assert result.records[1].reason == "FailedTrialError: the objective is nan"
    assert result.records[3].reason == "ValueError: no such frame"
    assert result.records[1].objective is None
    assert [record.number for record in result.ranking if record.objective] != []
    traceback = (tmp_path / "a" / "tuner" / "trial_3" / "error.txt").read_text()
    assert "Traceback" in traceback
    assert "no such frame" in traceback


@pytest.mark.parametrize("oracle", ["hyperband", "bayesian", "grid"])
def test_every_oracle_goes_on_after_a_failure(oracle, tmp_path):
    task = FakeTask(fits=oracle == "hyperband", failures={1: "nan"})
    result = run_search(tmp_path / "a", task=task, oracle=oracle, trials=3)
    status = [record.status for record in result.records]
    assert status == ["failed", "completed", "completed"]


def test_three_in_a_row_stop_the_search(tmp_path):
    task = FakeTask(fits=False, failures=three_failures(2))
    with pytest.raises(ConfigError, match="3 trials in a row failed") as caught:
        run_search(tmp_path / "a", task=task, trials=8)
    assert task.trials == 4
    assert "expected 3 bands, found 1" in str(caught.value)
    assert "error.txt" in caught.value.hint
    assert "--resume" in caught.value.hint
    assert caught.value.exit_code == 3
    content = json.loads((tmp_path / "a" / "leaderboard.json").read_text())
    status = {t["trial"]: t["status"] for t in content["trials"]}
    assert status == {1: "completed", 2: "failed", 3: "failed", 4: "failed"}


def test_stopped_search_goes_on_once_the_cause_is_mended(tmp_path):
    task = FakeTask(fits=False, failures=three_failures(2))
    with pytest.raises(ConfigError):
        run_search(tmp_path / "a", task=task, trials=6)
    result = run_search(tmp_path / "a", trials=6, resume=True)
    status = [record.status for record in result.records]
    assert status == ["completed", *["failed"] * 3, "completed", "completed"]


def test_failures_apart_do_not_stop_the_search(tmp_path):
    failures = {1: "nan", 2: "nan", 4: "nan", 5: "nan"}
    task = FakeTask(fits=False, failures=failures)
    result = run_search(tmp_path / "a", task=task, trials=6)
    assert [record.number for record in result.ranking] != []
    assert {record.number for record in result.ranking} == {3, 6}


@pytest.mark.parametrize("trials", [1, 2])
def test_short_search_without_success_says_so(trials, tmp_path):
    task = FakeTask(fits=False, failures=dict.fromkeys((1, 2), "nan"))
    with pytest.raises(ConfigError, match="the objective is nan"):
        run_search(tmp_path / "a", task=task, trials=trials)


def test_grid_that_runs_out_without_success_says_so(tmp_path):
    latents = Dimension("model.latent_dim", choices=(1, 2))
    over = SearchSpace(task="lensing", dimensions=(latents,))
    task = FakeTask(fits=False, failures=dict.fromkeys((1, 2), "nan"))
    with pytest.raises(ConfigError, match="the objective is nan") as caught:
        run_search(tmp_path / "a", task=task, oracle="grid", trials=9, over=over)
    assert task.trials == 2
    assert caught.value.exit_code == 3
    assert "--overwrite" in caught.value.hint
    again = run_search(
        tmp_path / "a", oracle="grid", trials=9, over=over, overwrite=True
    )
    assert [record.status for record in again.records] == ["completed"] * 2


@pytest.mark.parametrize("trials", [1, 2])
def test_short_search_with_seeds_to_follow_says_so(trials, tmp_path):
    task = FakeTask(fits=False, failures=dict.fromkeys((1, 2), "nan"))
    with pytest.raises(ConfigError, match="the objective is nan") as caught:
        run_search(tmp_path / "a", "tune.seeds=2", task=task, trials=trials)
    assert "--overwrite" in caught.value.hint
    assert task.trials == trials


@pytest.mark.parametrize("trials", [1, 2])
def test_seeds_that_fail_after_a_short_search_do_not_end_it(trials, tmp_path):
    task = FakeTask(fits=False, failures={trials + n: "nan" for n in (1, 2)})
    words = "tune.seeds=2", "tune.top=1"
    result = run_search(tmp_path / "a", *words, task=task, trials=trials)
    assert [r.status for r in result.best.repeats] == ["failed", "failed"]
    assert {row["choice"] for row in rows_of(tmp_path / "a")} == {""}


def test_missing_objective_is_a_failure_of_the_trial(tmp_path):
    class Nameless(FakeTask):
        def objective(self, config, prepared, models):
            return {"loss": 1.0}

    with pytest.raises(ConfigError, match="the objective is None"):
        run_search(tmp_path / "a", task=Nameless(fits=False))


def test_parts_of_the_objective_that_are_not_finite_are_left_out(tmp_path):
    class Partly(FakeTask):
        def objective(self, config, prepared, models):
            found = super().objective(config, prepared, models)
            part = float("inf") if self.trials == 1 else 1.0
            return found | {"part": part}

    result = run_search(tmp_path / "a", task=Partly(fits=False), trials=3)
    assert "part" not in result.records[0].metrics
    assert result.records[1].metrics["part"] == 1.0
    assert (tmp_path / "a" / "tuning.html").is_file()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Traceback\nValueError: wrong\n", "ValueError: wrong"),
        ("Traceback\na.b.DataError: no rows: none\n", "DataError: no rows: none"),
        ("Traceback\n  File x\nMemoryError\n", "MemoryError"),
        (
            "Traceback\nKeyError: 'a'\n\nDuring handling:\n\nTraceback\n"
            "  File x\nMemoryError\n",
            "MemoryError",
        ),
        (
            "Traceback\n  File x\nValueError: shapes differ\nNode: dense\n",
            "ValueError: shapes differ",
        ),
    ],
)
def test_reason_is_the_line_that_names_the_error(message, expected):
    assert reason(message) == expected


def test_workers_that_share_batches_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="trials are not shared") as caught:
        run_search(tmp_path / "a", "train.strategy=multiworker")
    assert "--workers N" in caught.value.hint
    assert not (tmp_path / "a").exists()

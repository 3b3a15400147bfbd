"""The best trials trained again with other seeds, and the choice by their mean."""

import json
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from fake_case import ANOMALOUS_PIXEL, FakeTask
from fake_search import Killed, killer, outcome, rows_of, run_search

from keras_astro.config import TuneConfig
from keras_astro.tuning.objectives import alike, candidates, choose, tied
from keras_astro.tuning.records import TrialRecord
from keras_astro.tuning.repeats import section, told, verdicts
from keras_astro.tuning.team import Team

SEEDS = ("tune.seeds=3", "tune.top=2", "tune.epochs=15")


class Noisy(FakeTask):
    """An objective of the settings, and of the seed of the weights."""

    def __init__(self):
        super().__init__(fits=False)

    def objective(self, config, prepared, models):
        noise = float(keras.random.uniform(()))
        found = super().objective(config, prepared, models)
        return {"objective": found["objective"] + 0.3 * noise}


def search(folder, *overrides, **options):
    options.setdefault("task", Noisy())
    return run_search(folder, *SEEDS, *overrides, **options)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return search(tmp_path_factory.mktemp("repeats") / "a", oracle="random")


def repeats_of(result):
    return [outcome(record.repeats) for record in result.records]


def test_the_best_are_trained_again_with_seeds_of_their_own(result):
    assert len(result.records) == 5
    again = [record for record in result.ranking if record.repeats]
    assert again == result.ranking[:2]
    seeds = [r.seed for record in result.records for r in (record, *record.repeats)]
    assert len(set(seeds)) == len(seeds) == 5 + 2 * 3
    for record in again:
        assert [r.values for r in record.repeats] == [record.values] * 3
        assert {r.epochs for r in record.repeats} == {15}
        objectives = [r.objective for r in record.repeats]
        assert len(set(objectives)) == 3
        assert record.mean == pytest.approx(np.mean(objectives))
        assert record.sd == pytest.approx(np.std(objectives, ddof=1))


def test_the_lowest_mean_is_chosen_and_written(result):
    again = [record for record in result.ranking if record.repeats]
    assert result.best == min(again, key=lambda record: record.mean)
    rows = {int(row["trial"]): row for row in rows_of(result.folder)}
    assert len(rows) == 5
    row = rows[result.best.number]
    assert row["choice"] == "chosen"
    assert float(row["objective_mean"]) == pytest.approx(result.best.mean)
    assert float(row["objective_sd"]) == pytest.approx(result.best.sd)
    assert row["seeds"] == "3"
    assert rows[result.ranking[-1].number]["objective_mean"] == ""
    content = json.loads((result.folder / "leaderboard.json").read_text())
    assert [r["repeats"] for r in content["repeats"]].count(result.best.number) == 3
    page = (result.folder / "tuning.html").read_text()
    assert "Several seeds" in page
    assert str(result.best.number) in told(result)


@pytest.mark.parametrize("oracle", ["hyperband", "bayesian", "grid"])
def test_every_engine_is_followed_by_repeats(oracle, tmp_path):
    task = FakeTask() if oracle == "hyperband" else Noisy()
    result = search(tmp_path / "a", "tune.seeds=2", oracle=oracle, task=task)
    assert len(result.records) == 5
    again = [record for record in result.records if record.repeats]
    # Of a trial and its continuation only the latter.
    assert len(again) == 2
    assert len({str(record.values) for record in again}) == 2
    assert {len(record.repeats) for record in again} == {2}
    assert {r.epochs for record in again for r in record.repeats} == {15}


@pytest.mark.parametrize(
    "moment", [("started", 6), ("completed", 5), ("completed", 8), ("started", 11)]
)
def test_killed_among_the_repeats_it_ends_as_if_it_had_not_been(
    moment, result, tmp_path
):
    with pytest.raises(Killed):
        search(tmp_path / "a", oracle="random", progress=killer(*moment))
    task = Noisy()
    again = search(tmp_path / "a", oracle="random", resume=True, task=task)
    assert outcome(again.records) == outcome(result.records)
    assert repeats_of(again) == repeats_of(result)
    assert again.best_config == result.best_config
    ended = moment[1] - (moment[0] == "started")
    assert task.trials == 5 + 6 - ended


def test_a_finished_search_with_fewer_than_top_starts_no_workers(tmp_path):
    words = "tune.seeds=2", "tune.top=3"
    result = run_search(tmp_path / "a", *words, trials=2)
    assert [len(record.repeats) for record in result.records] == [2, 2]

    def command(address, name):
        raise AssertionError("a worker is started")

    team = Team(workers=1, command=command)
    again = run_search(tmp_path / "a", *words, trials=2, resume=True, team=team)
    assert repeats_of(again) == repeats_of(result)


def test_repeats_see_what_trials_see(tmp_path):
    task = Noisy()
    search(tmp_path / "a", oracle="random", task=task)
    for sample in task.seen:
        assert not {"is_anomaly", "subhalo_mass_fraction"} & set(sample.targets)
        assert np.abs(sample.inputs["image"]).max() < ANOMALOUS_PIXEL / 2
    assert len({len(sample) for sample in task.seen}) == 2


def test_without_seeds_nothing_is_trained_again(tmp_path):
    result = run_search(tmp_path / "a", "tune.top=2")
    assert not any(record.repeats for record in result.records)
    assert "choice" not in rows_of(tmp_path / "a")[0]
    assert "Several seeds" not in (tmp_path / "a" / "tuning.html").read_text()
    assert told(result) == ""


EPOCHS = TuneConfig().epochs


def of(number, objective, *objectives, latency=1.0):
    status = ["failed" if o is None else "completed" for o in objectives]
    repeats = tuple(
        TrialRecord(10 * number + i, s, {}, objective=o, repeated=number)
        for i, (s, o) in enumerate(zip(status, objectives, strict=True))
    )
    metrics = {"latency_ms": latency}
    return TrialRecord(
        number,
        "completed",
        {},
        objective=objective,
        metrics=metrics,
        epochs=EPOCHS,
        repeats=repeats,
    )


def test_a_lucky_trial_is_not_chosen():
    records = [of(1, 0.1, 0.5, 0.6, 0.55), of(2, 0.2, 0.21, 0.2, 0.19), of(3, 0.3)]
    tune = TuneConfig(seeds=3, top=2)
    assert [r.number for r in candidates(records, tune)] == [1, 2]
    assert choose(records, tune).number == 2
    assert tied(records, tune) == []
    assert verdicts(records, tune) == {2: "chosen"}
    assert choose(records, TuneConfig()).number == 2


def test_a_seed_that_fails_counts_against_its_settings():
    records = [of(1, 0.1, 0.1, None, 0.1), of(2, 0.2, 0.2, 0.21, 0.19)]
    assert choose(records, TuneConfig(seeds=3, top=2)).number == 2
    assert choose(records[:1], TuneConfig(seeds=3, top=2)).number == 1


def test_means_within_their_noise_are_tied():
    records = [of(1, 0.1, 0.3, 0.4, 0.5), of(2, 0.2, 0.31, 0.41, 0.5)]
    tune = TuneConfig(seeds=3, top=2)
    assert verdicts(records, tune) == {1: "chosen", 2: "tied"}
    unfinished = [records[0], of(2, 0.2, 0.31)]
    assert verdicts(unfinished, tune) == {}


def outcome_of(records, **tune):
    tune = TuneConfig(**tune)
    config = SimpleNamespace(tune=tune)
    best = choose(records, tune)
    return SimpleNamespace(records=records, config=config, best=best)


def test_one_value_is_not_told_apart():
    assert alike([1.0], [5.0, 5.1, 5.2])
    assert alike([], [])
    records = [of(1, 0.1, 0.1, 0.1), of(2, 0.2, 0.9, None)]
    result = outcome_of(records, seeds=2, top=2)
    assert told(result).endswith("not to be told from it: 2")
    assert verdicts(records, result.config.tune) == {1: "chosen", 2: "tied"}


def test_it_is_told_apart_only_from_others_that_there_are():
    alone = outcome_of([of(1, 0.1, 0.1, 0.11), of(2, 0.2)], seeds=2, top=1)
    assert told(alone).endswith("(in the search 0.1)")
    two = [of(1, 0.1, 0.1, 0.11), of(2, 0.2, 0.9, 0.91)]
    assert "told apart" in told(outcome_of(two, seeds=2, top=2))
    # Of the second nothing is known but that it fails.
    failing = [of(1, 0.1, 0.1, 0.11), of(2, 0.2, None, None)]
    found = outcome_of(failing, seeds=2, top=2)
    assert told(found).endswith("(in the search 0.1)")
    assert verdicts(failing, found.config.tune) == {1: "chosen"}


def test_a_value_of_fewer_epochs_is_named_as_such():
    """Under hyperband most trials end before those trained again."""
    records = [replace(of(1, 0.1, 0.02, 0.03), epochs=5), of(2, 0.2, 0.9, 0.91)]
    result = outcome_of(records, seeds=2, top=2)
    assert "(in the search 0.1 after 5 epochs)" in told(result)
    found = section(result)
    assert f"for {EPOCHS} epochs" in found
    assert "<td>0.1 after 5 epochs</td>" in found
    assert "<td>0.2</td>" in found


def test_where_all_seeds_fail_the_search_alone_has_chosen():
    result = outcome_of([of(1, 0.1, None, None), of(2, 0.2)], seeds=2, top=1)
    said = "all trainings with other seeds failed; chosen by the search alone"
    assert result.best.number == 1
    assert told(result) == said
    assert verdicts(result.records, result.config.tune) == {}
    assert said[1:] in section(result)
    assert "lowest mean" not in section(result)


def test_means_are_compared_as_scipy_does():
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(0)
    for _ in range(40):
        a, b = rng.normal(0, 1, 3), rng.normal(rng.uniform(0, 4), 2, 4)
        expected = ttest_ind(a, b, equal_var=False).pvalue > 0.05
        assert alike(list(a), list(b)) == expected
    assert alike([1.0, 1.0], [1.0, 1.0])
    assert not alike([1.0, 1.0], [1.5, 1.5])


def test_latency_is_traded_against_the_mean():
    records = [
        of(1, 0.10, 0.20, 0.20, latency=3.0),
        of(2, 0.11, 0.15, 0.15, latency=2.0),
        of(3, 0.12, 0.155, 0.155, latency=1.0),
        of(4, 0.13, latency=0.5),
    ]
    tune = TuneConfig(seeds=2, top=3, objectives=("quality", "latency"))
    assert choose(records, tune).number == 3
    strict = tune.model_copy(update={"quality_slack": 0.0})
    assert choose(records, strict).number == 2

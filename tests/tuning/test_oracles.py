import keras
import pytest
from fake_case import SPACE, FakeTask, make_config
from fake_search import outcome, run_search, whole_search

from keras_astro.errors import ConfigError
from keras_astro.training.fit import fit_stage
from keras_astro.training.run import Run
from keras_astro.training.train import load_or_make_split, make_parts
from keras_astro.tuning.hypermodel import with_values
from keras_astro.tuning.oracles import make_oracle

ORACLES = ("hyperband", "bayesian", "random", "grid")


@pytest.mark.parametrize("oracle", ORACLES)
def test_runs_the_trials_asked_for(oracle, whole):
    result = whole(oracle)
    assert [record.number for record in result.records] == [1, 2, 3, 4, 5]
    assert {record.status for record in result.records} == {"completed"}
    assert result.config.tune.oracle == oracle
    assert result.best.objective == min(r.objective for r in result.records)


@pytest.mark.parametrize("oracle", ORACLES)
def test_first_trial_is_the_settings_given(oracle, whole):
    result = whole(oracle)
    assert with_values(result.config, result.records[0].values) == result.config


@pytest.mark.parametrize("oracle", ["bayesian", "random", "grid"])
def test_same_seed_same_search(oracle, whole, tmp_path):
    again = whole_search(tmp_path / "again", oracle)
    assert outcome(again.records) == outcome(whole(oracle).records)


def test_same_seed_same_first_round_of_hyperband(whole, tmp_path):
    # Two trials make one round, which asks for no result of another.
    again = run_search(tmp_path / "again", oracle="hyperband", trials=2)
    found = [(record.values, record.seed) for record in again.records]
    expected = [(record.values, record.seed) for record in whole("hyperband").records]
    assert found == expected[:2]


def test_another_seed_draws_other_settings(whole, tmp_path):
    other = run_search(tmp_path / "other", "seed=4", oracle="random")
    first, *drawn = other.records
    assert first.values == whole("random").records[0].values
    assert [r.values for r in drawn] != [r.values for r in whole("random").records[1:]]
    assert {r.seed for r in drawn}.isdisjoint(r.seed for r in whole("random").records)


@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_no_settings_are_tried_twice(oracle, whole):
    values = [tuple(record.values.values()) for record in whole(oracle).records]
    assert len(set(values)) == len(values)


def test_hyperband_trains_the_best_of_the_first_round_for_longer(whole):
    *first, last = whole("hyperband").records
    assert [record.epochs for record in first] == [5, 5, 5, 5]
    assert {record.parent for record in first} == {None}
    best = min(first, key=lambda record: record.objective)
    assert (last.epochs, last.parent, last.seed) == (15, best.number, best.seed)
    assert last.values == best.values
    assert last.objective < best.objective


def test_all_rounds_of_settings_have_the_seed_of_the_first(tmp_path):
    records = run_search(
        tmp_path / "a", "tune.epochs=45", oracle="hyperband", trials=12
    ).records
    *_, second, third = ([r for r in records if r.epochs == n] for n in (15, 45))
    by_number = {record.number: record for record in records}
    assert third[0].parent in [record.number for record in second]
    for record in (*second, *third):
        assert record.seed == by_number[record.parent].seed
    assert len({record.seed for record in records}) == 8


def test_a_later_round_is_a_training_of_its_length_like_any_other(whole, source):
    """It carries on nothing of the round before, whose rate had come to zero."""
    result = whole("hyperband")
    last = result.records[-1]
    config = with_values(result.config, {**last.values, "train.epochs": 15})
    split = load_or_make_split(source, Run.open(result.folder), config)
    task = FakeTask()
    prepared = task.prepare(config, make_parts(source, split))
    keras.utils.set_random_seed(last.seed)
    (stage, _) = task.stages(config, prepared)
    fit_stage(stage, config.train, seed=last.seed)
    found = task.objective(config, prepared, {"toy": stage.model})
    assert found["objective"] == pytest.approx(last.objective, rel=1e-4)


def test_other_oracles_give_all_trials_the_same_epochs(whole):
    for oracle in ("bayesian", "random", "grid"):
        assert {record.epochs for record in whole(oracle).records} == {15}


def test_grid_varies_the_last_dimension_first(whole):
    values = [record.values for record in whole("grid").records]
    assert len({v["train.learning_rate"] for v in values}) > 1
    assert {v["model.hidden"] for v in values} == {(6, 4)}


def test_exhausted_space_ends_the_search_early(tmp_path):
    small = SPACE.__class__("lensing", SPACE.dimensions[1:3])
    result = run_search(tmp_path / "a", oracle="grid", trials=20, over=small)
    pairs = {tuple(record.values.values()) for record in result.records}
    assert len(result.records) == len(pairs) == 9


def test_unknown_oracle_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"tune\.oracle"):
        run_search(tmp_path / "a", oracle="genetic")
    assert not (tmp_path / "a").exists()


def test_seed_zero_is_a_seed():
    config = make_config("seed=0")
    oracles = [make_oracle(SPACE.around(config), config) for _ in range(2)]
    assert oracles[0].seed == oracles[1].seed

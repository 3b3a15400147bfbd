import dataclasses
import json

import numpy as np
import pytest
import yaml
from fake_case import SPACE, FakeTask, make_config
from fake_search import Killed, killer, outcome, run_search, whole_search

from keras_astro.cli.tune import _fixed as fixed_by
from keras_astro.errors import ArtefactError, UsageError
from keras_astro.tuning.places import search_config

MOMENTS = [("started", 1), ("started", 4), ("completed", 1), ("completed", 3)]


def kill(folder, oracle, kind, trial, epoch=0, **options):
    with pytest.raises(Killed):
        whole_search(folder, oracle, progress=killer(kind, trial, epoch), **options)


@pytest.mark.parametrize(
    ("oracle", "kind", "trial"),
    [
        *[(oracle, *moment) for oracle in ("random", "grid") for moment in MOMENTS],
        ("bayesian", "started", 4),
    ],
)
def test_killed_anywhere_ends_as_if_it_had_not_been(
    oracle, kind, trial, whole, tmp_path
):
    kill(tmp_path / "a", oracle, kind, trial)
    result = whole_search(tmp_path / "a", oracle, resume=True)
    assert outcome(result.records) == outcome(whole(oracle).records)
    assert result.best_config == whole(oracle).best_config


def test_killed_after_every_trial(whole, tmp_path):
    kill(tmp_path / "a", "random", "completed", 1)
    for trial in (2, 3, 4, 5):
        kill(tmp_path / "a", "random", "completed", trial, resume=True)
    result = whole_search(tmp_path / "a", "random", resume=True)
    assert outcome(result.records) == outcome(whole("random").records)


class Rugged(FakeTask):
    """An objective of many valleys, so that where a search starts decides its end."""

    def objective(self, config, prepared, models):
        return {"objective": float(np.sin(40 * np.log10(config.train.learning_rate)))}


def test_resumed_bayesian_search_draws_as_it_would_have(tmp_path):
    def go(name, **options):
        task = Rugged(fits=False)
        options |= {"oracle": "bayesian", "trials": 6}
        return run_search(tmp_path / name, task=task, **options)

    with pytest.raises(Killed):
        go("a", progress=killer("started", 5))
    assert outcome(go("a", resume=True).records) == outcome(go("b").records)


def test_completed_trials_are_not_run_again(tmp_path):
    kill(tmp_path / "a", "random", "started", 4)
    task = FakeTask(fits=False)
    run_search(tmp_path / "a", "tune.epochs=15", task=task, resume=True)
    assert task.trials == 2


def test_finished_search_is_read_not_run(tmp_path):
    first = run_search(tmp_path / "a")
    task = FakeTask(fits=False)
    again = run_search(tmp_path / "a", task=task, resume=True)
    assert task.trials == 0
    assert again.records == first.records


def test_kill_before_the_first_trial_can_be_resumed(tmp_path, monkeypatch):
    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("keras_astro.tuning.search.load_or_make_split", die)
        with pytest.raises(Killed):
            run_search(tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr("keras_astro.tuning.search.TaskTuner", die)
        with pytest.raises(Killed):
            run_search(tmp_path / "a", resume=True)
    assert len(run_search(tmp_path / "a", resume=True).records) == 5


def test_resume_of_nothing_is_a_new_search(tmp_path):
    assert len(run_search(tmp_path / "a", resume=True).records) == 5


@pytest.fixture
def cut_off(tmp_path):
    """A search of which two trials are done."""
    with pytest.raises(Killed):
        run_search(tmp_path / "a", progress=killer("started", 3))
    return tmp_path / "a"


@pytest.mark.parametrize(
    ("override", "change"),
    [
        ("seed=9", r"seed \(then 3, now 9\)"),
        ("tune.trials=7", r"tune\.trials \(then 5, now 7\)"),
        ("tune.oracle=grid", r"tune\.oracle \(then random, now grid\)"),
        ("data.validation_fraction=0.3", r"data\.validation_fraction"),
    ],
)
def test_resume_with_other_settings_is_refused(override, change, cut_off):
    before = (cut_off / "tuner" / "oracle.json").read_bytes()
    with pytest.raises(ArtefactError, match=change) as caught:
        run_search(cut_off, override, resume=True)
    assert str(caught.value).count("(then") == 1
    assert (cut_off / "tuner" / "oracle.json").read_bytes() == before


def test_resume_with_another_space_is_refused(cut_off):
    hidden, latent, rate = SPACE.dimensions[1:]
    wider = dataclasses.replace(latent, choices=(1, 2, 3, 9))
    changed = dataclasses.replace(SPACE, dimensions=(hidden, wider, rate))
    change = r"latent_dim \(then one of 1, 2, 3; .*now one of 1, 2, 3, 9;"
    with pytest.raises(ArtefactError, match=change):
        run_search(cut_off, resume=True, over=changed)


def as_before(folder, *, fixed=True, rounds=True):
    """Makes a search one of the version before, whose record said less."""
    if fixed:
        path = folder / "tuner" / "config.yaml"
        content = yaml.safe_load(path.read_text())
        del content["tune"]["fixed"]
        path.write_text(yaml.safe_dump(content, sort_keys=False))
    if rounds:
        path = folder / "tuner" / "search.json"
        content = json.loads(path.read_text())
        del content["rounds"]
        path.write_text(json.dumps(content))


def test_rounds_of_an_earlier_version_are_not_mixed_with_those_of_this(tmp_path):
    kill(tmp_path / "a", "hyperband", "started", 5)
    as_before(tmp_path / "a")
    before = (tmp_path / "a" / "tuner" / "oracle.json").read_bytes()
    with pytest.raises(ArtefactError, match="how its rounds of hyperband") as caught:
        whole_search(tmp_path / "a", "hyperband", resume=True)
    assert "--overwrite" in caught.value.hint
    assert (tmp_path / "a" / "tuner" / "oracle.json").read_bytes() == before


def test_a_search_of_an_earlier_version_without_rounds_to_come_goes_on(
    cut_off, tmp_path
):
    as_before(cut_off)
    assert len(run_search(cut_off, resume=True).records) == 5
    first = whole_search(tmp_path / "b", "hyperband")
    as_before(tmp_path / "b")
    again = whole_search(tmp_path / "b", "hyperband", resume=True)
    assert outcome(again.records) == outcome(first.records)


def test_what_an_earlier_version_searched_goes_on_being_searched(cut_off, capsys):
    """Under it --set of a searched setting said where the search began."""
    given = ["model.latent_dim=2"]

    def told(resumed):
        found = fixed_by(make_config(), given, resumed)
        return found.tune.fixed, capsys.readouterr().err

    assert told(None) == told(cut_off) == (("model.latent_dim",), "")
    as_before(cut_off)
    fixed, said = told(cut_off)
    assert fixed == ()
    assert "goes on so: model.latent_dim" in said
    assert fixed_by(make_config(), [], cut_off).tune.fixed == ()
    assert capsys.readouterr().err == ""
    assert len(run_search(cut_off, resume=True).records) == 5


def test_existing_folder_is_refused_and_untouched(cut_off):
    before = {path: path.read_bytes() for path in cut_off.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="exists already"):
        run_search(cut_off)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_overwrite_starts_anew(cut_off):
    result = run_search(cut_off, "seed=9", overwrite=True)
    assert len(result.records) == 5
    assert result.config.seed == 9
    assert search_config(cut_off).seed == 9


def test_settings_a_search_started_from_are_kept(cut_off, tmp_path):
    assert search_config(cut_off) == make_config()
    assert json.loads((cut_off / "tuner" / "search.json").read_text())["digest"]
    with pytest.raises(ArtefactError, match="holds no search"):
        search_config(tmp_path)

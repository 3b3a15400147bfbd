import errno

import numpy as np
import pytest

from keras_astro.errors import ArtefactError, DataError, UsageError
from keras_astro.tasks.catalog import load_config
from keras_astro.training import files
from keras_astro.training.run import Run, latest_run, list_runs
from keras_astro.training.train import make_split


def test_config_is_written_and_read_back(tmp_path):
    config = load_config("lensing", ["seed=5", "model.latent_dim=9"])
    run = Run.create(tmp_path / "a", config)
    assert Run.open(run.path).config == config
    assert "tensorflow" in (run.path / "env.json").read_text()


def test_existing_folder_is_refused_and_untouched(tmp_path):
    config = load_config("lensing")
    Run.create(tmp_path / "a", config)
    before = (tmp_path / "a" / "config.yaml").read_bytes()
    with pytest.raises(UsageError, match="exists already") as caught:
        Run.create(tmp_path / "a", load_config("lensing", ["seed=1"]))
    assert caught.value.exit_code == 2
    assert (tmp_path / "a" / "config.yaml").read_bytes() == before


def test_resume_needs_the_same_settings(tmp_path):
    Run.create(tmp_path / "a", load_config("lensing"))
    with pytest.raises(ArtefactError, match="other settings"):
        Run.create(tmp_path / "a", load_config("lensing", ["seed=1"]), resume=True)
    assert Run.create(tmp_path / "a", load_config("lensing"), resume=True).path


def test_overwrite_never_deletes_a_foreign_folder(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="not a run folder"):
        Run.create(tmp_path / "precious", load_config("lensing"), overwrite=True)
    assert (tmp_path / "precious" / "thesis.tex").exists()


def test_latest_run_needs_a_finished_one(tmp_path):
    Run.create(tmp_path / "a", load_config("lensing"))
    assert len(list_runs(tmp_path)) == 1
    with pytest.raises(ArtefactError, match="no finished run"):
        latest_run(tmp_path)


def test_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    files.write_json(path, {"value": 1})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(DataError, match="No space left on device"):
        files.write_json(path, {"value": 2})
    assert '"value": 1' in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_too_few_rows_are_refused_with_both_ways_to_more(refused):
    names, anomalous = np.arange(50), np.arange(50) < 11
    data = load_config("lensing").data
    with refused(DataError, "at least 40", "found 39", hint="data.simulated_rows") as c:
        make_split(names, anomalous, data, seed=0, ids=names)
    assert "--data" in c.value.hint

"""The whole path at toy size: tune, export what was tuned, score with the export."""

import pytest
from astropy.table import Table
from pyarrow import parquet

from keras_astro.config import read_yaml
from keras_astro.inference.presets import resolve_preset


@pytest.fixture(scope="module")
def folder(base):
    path = base / "path"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def tuned(kastro, folder, smooth, tiny):
    """A search of two trials, in the default folder.

    Without the lens-model head: after two epochs its errors hang on the last bits, and
    an export is rightly refused.
    """
    settings = tiny("tune.epochs=2", "physics.enabled=false")
    words = ["tune", "lensing", "--data", smooth, "--oracle", "random"]
    words += ["--trials", 2, *settings, "--json"]
    return kastro(*words, cwd=folder).done()


@pytest.fixture(scope="module")
def exported(kastro, folder, tuned):
    words = "export", "--format", "tflite", "--json"
    return kastro(*words, cwd=folder).done()


def test_the_search_ends_as_a_trained_run(tuned, folder):
    assert tuned.json["run"] == "runs/lensing-tune-1"
    assert tuned.json["trials"] == 2
    left = {path.name for path in (folder / "runs" / "lensing-tune-1").iterdir()}
    assert {"model.keras", "best.yaml", "leaderboard.csv", "tuning.html"} <= left
    assert "trial 2/2: objective" in tuned.err


def test_what_set_says_is_not_searched(tuned, folder):
    assert "not searched, as asked: preprocessing.pca_components = 30" in tuned.err
    assert "preprocessing.pca_components" not in tuned.json["best"]
    begun = read_yaml(folder / "runs" / "lensing-tune-1" / "tuner" / "config.yaml")
    assert begun["tune"]["fixed"] == ["preprocessing.pca_components"]
    assert begun["preprocessing"]["pca_components"] == 30


def test_a_search_of_which_nothing_is_left_is_refused_at_once(kastro, folder):
    answer = kastro("tune", "cgm", "--set", "model.latent_dim=4", cwd=folder)
    answer.refused(2, "no setting of cgm is searched", "model.latent_dim was given")
    assert not list((folder / "runs").glob("cgm-*"))


def test_export_takes_the_latest_run(exported):
    path = exported.json["path"]
    assert path == "runs/lensing-tune-1/exports/tflite-float16/lensing-float16.tflite"
    assert exported.json["verification"]["rows"] > 0
    assert exported.json["size_bytes"] > 1000


def read(path) -> Table:
    """A table by another program's reader, where astropy's needs more than there is."""
    if path.suffix == ".parquet":
        return Table(parquet.read_table(path).to_pydict())
    return Table.read(path, format="ascii.csv" if path.suffix == ".csv" else None)


@pytest.mark.parametrize("suffix", ["csv", "ecsv", "fits", "parquet", "h5"])
def test_the_export_scores_into_a_table(kastro, folder, exported, store, suffix):
    name = f"scores.{suffix}"
    words = "predict", exported.json["path"], store, "-o", name
    answer = kastro(*words, cwd=folder).done()
    assert answer.out.startswith(f"{name}: 300 rows, ")
    table = read(folder / name)
    assert len(table) == 300
    assert {"id", "score", "p_value", "is_anomaly", "quality"} <= {*table.colnames}
    assert len(set(table["id"])) == 300


def test_train_takes_the_tuned_settings(kastro, folder, tuned, tiny):
    words = ["train", "lensing", "--from", "runs/lensing-tune-1", "-o", "again"]
    words += ["--set", "train.epochs=2", "--json"]
    answer = kastro(*words, cwd=folder).done()
    assert answer.json["run"] == "again"
    best = read_yaml(folder / "runs" / "lensing-tune-1" / "best.yaml")
    used = read_yaml(folder / "again" / "config.yaml")
    assert used["model"] == best["model"]
    assert used["objective"] == best["objective"]
    assert used["train"]["epochs"] == 2


def test_train_from_a_run_that_was_not_tuned(kastro, trained):
    answer = kastro("train", "lensing", "--from", trained[0])
    answer.refused(3, "best.yaml")


def test_a_preset_is_measured_and_its_report_stays_out_of_the_package(kastro, folder):
    simulate = ("simulate", "lensing", "-n", 60, "--seed", 77, "-o", "few.h5")
    kastro(*simulate, cwd=folder).done()
    evaluate = ("evaluate", "preset:lensing", "--data", "few.h5", "--json")
    answer = kastro(*evaluate, cwd=folder).done()
    assert answer.json["metrics"]["auc_combined"]["value"] > 0.95
    assert answer.json["report"] == "preset-lensing-report/report.html"
    assert (folder / answer.json["report"]).is_file()
    assert not list(resolve_preset("preset:lensing").parent.glob("*report*"))

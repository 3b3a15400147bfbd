"""--json: one object on stdout, whatever the libraries say meanwhile."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def evaluated(kastro, base, trained, store):
    words = "evaluate", trained[0], "--data", store, "-o", base / "report", "--json"
    return kastro(*words).done().json


def test_tasks(kastro):
    found = kastro("tasks", "--json").done().json["tasks"]
    assert {"lensing", "galaxies"} <= {task["name"] for task in found}


def test_doctor(kastro):
    found = kastro("doctor", "--json").done().json
    assert found["healthy"]
    assert found["missing_base"] == []


def test_simulate_says_how_many_and_how(kastro, tmp_path):
    words = "simulate", "lensing", "-n", 10, "-o", "a.h5", "--seed", 3, "--json"
    answer = kastro(*words, cwd=tmp_path).done()
    assert answer.json == {"path": "a.h5", "rows": 10, "seed": 3}
    assert (tmp_path / "a.h5").is_file()
    # The story is the package's own: nothing of TensorFlow's about this machine.
    assert all(line.startswith("simulating") for line in answer.err.splitlines())


def test_data_describe(kastro, store):
    found = kastro("data", "describe", store, "--json").done().json
    assert found["rows"] == 300
    assert found["fields"]["inputs/image"]["shape"] == [64, 64, 1]


def test_data_convert(kastro, images, tmp_path):
    words = "data", "convert", images, "-o", tmp_path / "night.h5", "--json"
    assert kastro(*words).done().json["rows"] == 12
    again = kastro("data", "validate", tmp_path / "night.h5", "--json").done().json
    assert again["rows"] == 12


def test_stamps_are_taken_for_alerts_and_it_is_said(kastro, tmp_path):
    pixels = np.random.default_rng(0).normal(100, 5, (4, 9, 9, 3)).astype("f4")
    labels = np.array(["SN", "AGN", "VS", "SN"])
    np.savez(tmp_path / "a.npz", stamps=pixels, label=labels)
    answer = kastro("data", "convert", "a.npz", "-o", "a.h5", cwd=tmp_path).done()
    assert "a.npz: read as alerts (an array stamps)" in answer.err
    answer = kastro("data", "describe", "a.h5", cwd=tmp_path).done()
    assert "labels AGN: 1, SN: 2, VS: 1" in answer.out
    assert answer.err == ""
    grid = np.linspace(5000.0, 5100.0, 30)
    flux, teff = np.ones((2, 30), "f4"), np.array([5000.0, 6000.0])
    np.savez(tmp_path / "s.npz", flux=flux, wavelength=grid, teff_kelvin=teff)
    answer = kastro("data", "describe", "s.npz", cwd=tmp_path).done()
    assert "labels teff_kelvin" in answer.out
    assert "axes/wavelength_angstrom" in answer.out


def test_data_validate(kastro, store):
    found = kastro("data", "validate", store, "--json").done().json
    assert found == {"rows": 300, "problems": []}


def test_train(trained):
    folder, answer = trained
    found = answer.json
    assert found["run"] == str(folder)
    assert found["report"] == str(folder / "report.html")
    assert found["metrics"]["leaked_fraction"] == 0
    assert "Warning" not in answer.err
    assert "autoencoder: epoch 3/3" in answer.err


def test_evaluate(evaluated, base):
    assert evaluated["report"] == str(base / "report" / "report.html")
    assert evaluated["metrics"]["rows"] == 300


def test_predict(kastro, trained, store, tmp_path):
    words = "predict", trained[0], store, "-o", tmp_path / "a.csv", "--json"
    found = kastro(*words).done().json
    assert found["rows"] == 300
    assert found["quarantined"] == []


def test_usage_errors_are_objects_too(kastro):
    answer = kastro("train", "lensing", "--seed", "-1", "--json")
    assert answer.code == 2
    assert answer.json["exit_code"] == 2
    assert "--seed" in answer.json["error"]


def test_dry_run(kastro, store, tiny):
    words = "train", "lensing", "--data", store, *tiny(), "--dry-run", "--json"
    found = kastro(*words).done().json
    assert found["config"]["train"]["epochs"] == 3
    assert set(found["plan"]["stages"]) == {"autoencoder", "physics"}


def test_runs_list(kastro, trained):
    found = kastro("runs", "list", trained[0].parent, "--json").done().json
    run = next(run for run in found["runs"] if run["run"] == str(trained[0]))
    assert run["finished"]


def test_runs_show(kastro, trained):
    found = kastro("runs", "show", trained[0], "--json").done().json
    assert found["config"]["train"]["epochs"] == 3


def test_runs_compare(kastro, trained):
    words = "runs", "compare", trained[0], trained[0], "--json"
    found = kastro(*words).done().json
    assert len(found["runs"]) == 2
    assert found["different_settings"] == {}


def test_an_error_is_an_object_too(kastro):
    answer = kastro("data", "describe", "absent.h5", "--json").refused(4)
    assert answer.json["exit_code"] == 4
    assert "absent.h5" in answer.json["error"]

"""Searches killed by the system, in processes of their own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fake_case import SPACE, FakeTask, make_config, make_source
from fake_search import Killed, killer, rows_of, whole_search

from keras_astro.tasks.catalog import load_config
from keras_astro.training.run import Run
from keras_astro.tuning.tune import tune

SCRIPT = """
import sys
import time
from pathlib import Path

sys.path.insert(0, {folder!r})
from fake_case import SPACE, FakeTask, make_config, make_source
from fake_search import whole_search
from keras_astro.tuning.tune import tune

run = Path({run!r})


def stop():
    run.with_suffix(".reached").touch()
    time.sleep(600)


{body}
"""

SEARCH = """
def progress(event):
    if (event.kind, event.trial, event.epoch) == {moment}:
        stop()


whole_search(run, {oracle!r}, progress=progress)
"""

TUNE = """
def progress(stage, epoch, epochs, logs):
    if (stage, epoch) == ("toy", 2):
        stop()


tune(
    FakeTask(), make_source(), run, make_config("tune.trials=2"), over=SPACE,
    train_progress=progress,
)
"""

BODIES = {
    "random": SEARCH.format(oracle="random", moment=("started", 3, 0)),
    "hyperband": SEARCH.format(oracle="hyperband", moment=("epoch", 3, 2)),
    "tune": TUNE,
}


def start(run, body):
    script = run.with_name(f"search_{run.name}.py")
    folder = str(Path(__file__).parent)
    script.write_text(SCRIPT.format(folder=folder, run=str(run), body=body))
    with run.with_suffix(".log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, str(script)],
            cwd=run.parent,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def kill_when_reached(run, process):
    deadline = time.monotonic() + 150
    try:
        while not run.with_suffix(".reached").exists():
            log = run.with_suffix(".log")
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.05)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Folders of runs killed by SIGKILL: in trial 3, or in the final training."""
    folder = tmp_path_factory.mktemp("killed")
    runs = {name: folder / name for name in BODIES}
    processes = {name: start(runs[name], BODIES[name]) for name in BODIES}
    try:
        for name, process in processes.items():
            kill_when_reached(runs[name], process)
    finally:
        for process in processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return runs


@pytest.mark.slow
@pytest.mark.parametrize("oracle", ["random", "hyperband"])
def test_killed_search_goes_on(oracle, killed, whole):
    folder = killed[oracle]
    before = {row["trial"]: row for row in rows_of(folder)}
    assert sorted(before) == ["1", "2"]
    if oracle == "hyperband":
        # Once more, while the last trial trains the best settings for longer.
        again = killer("epoch", 5, 9)
        with pytest.raises(Killed):
            whole_search(folder, oracle, resume=True, progress=again)
        assert sorted(row["trial"] for row in rows_of(folder)) == ["1", "2", "3", "4"]
    result = whole_search(folder, oracle, resume=True)
    assert [record.status for record in result.records] == ["completed"] * 5
    after = {row["trial"]: row for row in rows_of(folder)}
    for trial, row in before.items():
        assert {**after[trial], "rank": ""} == {**row, "rank": ""}
    expected = whole(oracle)
    assert result.best_config == expected.best_config
    assert result.best.number == expected.best.number
    for found, record in zip(result.records, expected.records, strict=True):
        assert (found.values, found.parent) == (record.values, record.parent)
        assert found.objective == pytest.approx(record.objective, rel=1e-4)


@pytest.mark.slow
def test_killed_final_training_goes_on(killed):
    folder = killed["tune"]
    assert not Run.open(folder).finished
    rows = rows_of(folder)
    assert [row["status"] for row in rows] == ["completed"] * 2
    assert (folder / "checkpoints" / "toy.json").is_file()
    epochs = []
    task = FakeTask()
    result = tune(
        task,
        make_source(),
        folder,
        make_config("tune.trials=2"),
        over=SPACE,
        resume=True,
        train_progress=lambda stage, epoch, *_: epochs.append((stage, epoch)),
    )
    # The search is over, and the first stage goes on where its checkpoint stands.
    assert rows_of(folder) == rows
    assert ("toy", 1) not in epochs
    assert epochs[-1] == ("physics", 3)
    run = Run.open(folder)
    assert run.finished
    assert run.config == result.best_config
    assert load_config(str(folder / "best.yaml")) == run.config


@pytest.mark.slow
def test_tuned_run_is_a_finished_run_of_the_best_settings(killed, tmp_path):
    folder = tmp_path / "moved"
    shutil.copytree(killed["tune"], folder)
    options = {"over": SPACE, "resume": True}
    config = make_config("tune.trials=2")
    result = tune(FakeTask(), make_source(), folder, config, **options)
    run = Run.open(folder)
    assert run.config.train.learning_rate == result.best.values["train.learning_rate"]
    assert run.config.physics.enabled
    image = np.zeros((3, 2, 2, 1), "float32")
    score = run.load_model()({"image": image})["score"]
    assert score.shape == (3, 1)
    stamp = (folder / "model.keras").stat().st_mtime_ns
    tune(FakeTask(), make_source(), folder, config, **options)
    assert (folder / "model.keras").stat().st_mtime_ns == stamp

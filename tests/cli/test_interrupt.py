"""A training that is stopped: by Ctrl-C, by a kill, and carried on after both."""

import csv
import json
import shlex
import signal
import sys
import time

import pytest

from keras_astro.cli import main

EPOCHS = 80


def lines(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def wait_for_epoch(process, run, epoch):
    """Waits until a checkpoint of this epoch or a later one is on the disk."""
    state = run / "checkpoints" / "autoencoder.json"
    for _ in range(6000):
        if state.is_file() and json.loads(state.read_text())["epoch"] >= epoch:
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.kill()
    pytest.fail(f"no checkpoint of epoch {epoch} within a minute")


@pytest.fixture(scope="module")
def words(smooth, tiny):
    """A training without test rows and with a checkpoint at each epoch."""
    settings = f"train.epochs={EPOCHS}", "physics.enabled=false"
    return ["train", "lensing", "--data", smooth, *tiny(*settings)]


@pytest.fixture(scope="module")
def stopped(started, base, words):
    """A run interrupted by Ctrl-C early on, resumed, and killed later."""
    run = base / "stopped"
    words = [*words, "--set", "train.checkpoint_seconds=0", "-o", run]
    first = started(*words)
    wait_for_epoch(first, run, 3)
    first.send_signal(signal.SIGINT)
    told = first.communicate(timeout=60)
    reached = json.loads((run / "checkpoints" / "autoencoder.json").read_text())
    second = started(*words, "--resume")
    wait_for_epoch(second, run, reached["epoch"] + 3)
    second.kill()
    second.communicate(timeout=60)
    return {
        "run": run,
        "words": [*map(str, words)],
        "code": first.returncode,
        "told": told,
        "killed": second.returncode,
    }


def test_ctrl_c_says_how_to_go_on(stopped):
    out, err = stopped["told"]
    assert (stopped["code"], out) == (130, "")
    assert "Traceback" not in err
    last = err.rstrip().splitlines()[-1]
    command = shlex.join(["kastro", *stopped["words"], "--resume"])
    assert last.strip() == f"Continue with: {command}"


@pytest.mark.parametrize("verb", ["train", "tune", "finetune"])
def test_a_resumed_run_is_not_replaced(monkeypatch, capsys, verb):
    words = [verb, "runs/a b", "--data", "night.h5"]
    monkeypatch.setattr(sys, "argv", ["kastro", *words, "--overwrite"])
    monkeypatch.delenv("KASTRO_LAUNCHED", raising=False)
    with pytest.raises(SystemExit) as stop:
        main._interrupted()
    assert stop.value.code == 130
    last = capsys.readouterr().err.rstrip().splitlines()[-1]
    command = shlex.join(["kastro", *words, "--resume"])
    assert last.strip() == f"Continue with: {command}"


def test_a_killed_run_is_open(kastro, stopped):
    assert stopped["killed"] == -signal.SIGKILL
    assert not (stopped["run"] / "model.keras").exists()
    found = kastro("runs", "show", stopped["run"], "--json").done().json
    assert not found["finished"]


def test_resume_ends_like_a_run_never_stopped(kastro, base, stopped, words):
    kastro(*stopped["words"], "--resume").done()
    kastro(*words, "-o", base / "whole").done()
    resumed, whole = (
        lines(run / "history.csv") for run in (stopped["run"], base / "whole")
    )
    epochs = [int(row["epoch"]) for row in resumed]
    assert epochs == list(range(1, EPOCHS + 1))
    assert len(whole) == EPOCHS
    assert resumed[0].keys() == whole[0].keys()
    last, wanted = (float(rows[-1]["val_loss"]) for rows in (resumed, whole))
    assert last == pytest.approx(wanted, rel=0.02)

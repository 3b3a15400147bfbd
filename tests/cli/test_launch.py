"""Several workers on this machine, through the death of each kind of process."""

import csv
import json
import os
import signal
import time
from pathlib import Path

import pytest

EPOCHS = 12
PATIENCE = 400


@pytest.fixture(scope="module")
def words(smooth, tiny):
    settings = (
        f"train.epochs={EPOCHS}",
        "train.checkpoint_seconds=0",
        "objective.contractive=0.01",
        "objective.contractive_method=exact",
        "physics.enabled=false",
    )
    return ["train", "lensing", "--data", smooth, *tiny(*settings)]


def history(run):
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: float(v) for k, v in row.items() if k != "stage"} for row in rows]


def wait_for_epoch(process, run, epoch):
    state = run / "checkpoints" / "autoencoder.json"
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if state.is_file() and json.loads(state.read_text())["epoch"] >= epoch:
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)
    process.kill()
    process.communicate()
    pytest.fail(f"no checkpoint of epoch {epoch} within {PATIENCE} s")


def workers(process):
    """Process ids of the workers, the chief first."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    found = {}
    for pid in map(int, children.split()):
        for word in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            name, _, value = word.partition(b"=")
            if name == b"TF_CONFIG":
                found[json.loads(value)["task"]["index"]] = pid
    return [found[index] for index in sorted(found)]


def dead(pid):
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        )
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture(scope="module")
def killed(started, base, words):
    """A launched run whose worker, chief and launcher were killed, one after the other.

    Each died in the middle of an epoch: a checkpoint falls on every epoch's end.
    """

    run = base / "killed"
    launched = ["launch", "--workers", "2", "--", *words, "-o", run]
    process = started(*launched)
    for place, epoch in ((1, 2), (0, 5)):
        wait_for_epoch(process, run, epoch)
        os.kill(workers(process)[place], signal.SIGKILL)
    wait_for_epoch(process, run, 8)
    orphans = workers(process)
    process.kill()
    told = process.communicate(timeout=60)[1]
    until = time.monotonic() + 10
    while not all(map(dead, orphans)) and time.monotonic() < until:
        time.sleep(0.01)
    left = [pid for pid in orphans if not dead(pid)]
    unfinished = not (run / "model.keras").exists()
    again = started(*launched, "--resume")
    out, err = again.communicate(timeout=PATIENCE)
    return {
        "run": run,
        "told": told,
        "left": left,
        "unfinished": unfinished,
        "code": again.returncode,
        "out": out,
        "err": err,
    }


def test_all_workers_start_again_when_one_is_killed(killed):
    restarts = [line for line in killed["told"].splitlines() if "go on from" in line]
    assert restarts == [
        f"worker {place} was killed by SIGKILL: all 2 go on from the last checkpoint"
        for place in (1, 0)
    ]


def test_no_worker_outlives_its_launcher(killed):
    assert killed["left"] == []
    assert killed["unfinished"]


def test_the_end_is_that_of_one_device_never_stopped(killed, kastro, base, words):
    assert killed["code"] == 0, killed["err"]
    # The chief alone answers.
    assert killed["out"].count(str(killed["run"])) == 2
    kastro(*words, "-o", base / "alone").done()
    found, wanted = history(killed["run"]), history(base / "alone")
    assert [row["epoch"] for row in found] == list(range(1, EPOCHS + 1))
    for row, one in zip(found, wanted, strict=True):
        assert row == pytest.approx(one, rel=1e-5)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["evaluate", "run"], "expected the verb train, found evaluate"),
        (["train", "cgm", "--strategy", "mirrored"], "--strategy mirrored"),
        (["train", "cgm", "--strategy=cpu"], "--strategy cpu"),
    ],
)
def test_what_cannot_be_launched_is_refused(kastro, words, told):
    kastro("launch", "--workers", 2, "--", *words).refused(2, told)


def test_workers_without_a_cluster_are_refused(kastro):
    answer = kastro("train", "cgm", "--strategy", "multiworker", "-o", "nowhere")
    answer.refused(2, "neither TF_CONFIG nor Slurm", "kastro launch")


@pytest.mark.parametrize(
    ("setting", "told"),
    [("train.jit=on", "train.jit = on"), ("train.steps_per_execution=4", "= 4")],
)
def test_settings_that_devices_cannot_keep_are_refused(kastro, setting, told):
    words = "train", "cgm", "--strategy", "mirrored", "--set", setting
    kastro(*words).refused(3, told, "mirrored")

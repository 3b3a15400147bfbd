"""Searches by a chief and two workers, each a process, some of them killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_case import SPACE, make_config
from fake_search import rows_of

from keras_astro.tuning.oracles import make_oracle

WORKER = """
import sys
import time
from pathlib import Path

sys.path.insert(0, {tests!r})
from fake_case import SPACE, FakeTask, make_source
from keras_astro.tuning.worker import work


class Slow(FakeTask):
    def objective(self, config, prepared, models):
        time.sleep(0.5)
        return super().objective(config, prepared, models)


run, address, name = sys.argv[1:]
task = Slow(fits=False)
work(task, make_source(), Path(run), chief=address, worker_id=name, over=SPACE)
"""

CHIEF = """
import sys
from pathlib import Path

sys.path.insert(0, {tests!r})
from fake_search import run_search
from keras_astro.tuning.team import Team

run, worker = sys.argv[1:]


def command(address, name):
    return [sys.executable, worker, run, address, name]


result = run_search(
    Path(run), "tune.seeds=2", "tune.top=2", trials=10, resume=True,
    team=Team(workers=2, command=command), story=lambda text: print(text, flush=True),
)
assert len(result.records) == 10
"""


@pytest.fixture
def start(tmp_path):
    """Starts the chief of a search in the folder `run`; all ends with the test."""
    tests = str(Path(__file__).parent)
    worker, chief = tmp_path / "worker.py", tmp_path / "chief.py"
    worker.write_text(WORKER.format(tests=tests))
    chief.write_text(CHIEF.format(tests=tests))
    started = []

    def go():
        with (tmp_path / "chief.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, str(chief), str(tmp_path / "run"), str(worker)],
                cwd=tmp_path,
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield go
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def state(run):
    path = run / "tuner" / "oracle.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def wait(found, process, log, *, seconds=600):
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)
    return value


def workers_of(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for children in /proc")
def test_no_trial_is_lost_or_doubled_by_kills(start, tmp_path):
    run, log = tmp_path / "run", tmp_path / "chief.log"
    process = start()
    wait(lambda: len(state(run).get("ongoing_trials", {})) == 2, process, log)
    victim = workers_of(process)[0]
    os.kill(victim, signal.SIGKILL)
    wait(lambda: "died by signal 9" in log.read_text(), process, log)
    # The other goes on with the trial of the dead one, before its successor is there.
    wait(lambda: len(state(run)["end_order"]) >= 3, process, log)
    orphans = workers_of(process)
    process.kill()
    process.wait()
    before = state(run)
    process = start()
    assert process.wait(900) == 0, log.read_text()[-3000:]
    rows = rows_of(run)
    assert sorted(int(row["trial"]) for row in rows) == list(range(1, 11))
    assert {row["status"] for row in rows} == {"completed"}
    ended = state(run)["end_order"]
    assert ended[: len(before["end_order"])] == before["end_order"]
    assert sorted(ended) == sorted(set(ended)) == sorted(state(run)["trials"])
    found = {
        (row["model.hidden"], row["model.latent_dim"], row["train.learning_rate"])
        for row in rows
    }
    assert len(found) == 10
    # The workers went on with the two best, each with two seeds.
    assert len(ended) == 10 + 2 * 2
    assert sorted(row["seeds"] for row in rows) == [""] * 8 + ["2"] * 2
    assert [row["choice"] for row in rows].count("chosen") == 1
    assert not [pid for pid in orphans if Path(f"/proc/{pid}").exists()]


def oracle_of(tmp_path, *overrides):
    config = make_config(*overrides)
    oracle = make_oracle(SPACE.around(config), config)
    oracle._set_project_dir(str(tmp_path), "a")
    return oracle


def finish(oracle, trial, objective):
    oracle.update_trial(trial.trial_id, {"objective": objective})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def test_trial_of_a_dead_worker_is_handed_out_again_and_once(tmp_path):
    oracle = oracle_of(tmp_path, "tune.trials=2")
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    assert oracle.release("a", "it died") is None
    finish(oracle, second, 1.0)
    again = oracle.create_trial("b")
    assert again.trial_id == first.trial_id
    assert oracle.create_trial("c").status == "IDLE"
    finish(oracle, again, 2.0)
    assert oracle.create_trial("b").status == "STOPPED"
    assert sorted(oracle.end_order) == ["0", "1"]


def test_trial_at_which_two_workers_died_has_failed(tmp_path):
    oracle = oracle_of(tmp_path, "tune.trials=2")
    trial = oracle.create_trial("a")
    assert oracle.release("a", "its worker died by signal 9") is None
    assert oracle.create_trial("b").trial_id == trial.trial_id
    assert oracle.release("b", "its worker died by signal 9") == trial.trial_id
    assert oracle.trials[trial.trial_id].status == "FAILED"
    assert "signal 9, 2 times" in oracle.notes[trial.trial_id]["reason"]
    assert oracle.create_trial("b").trial_id != trial.trial_id


def test_grid_keeps_two_workers_busy_in_its_order(tmp_path):
    oracle = oracle_of(tmp_path, "tune.oracle=grid", "tune.trials=6")
    started = [oracle.create_trial(name) for name in "abc"]
    assert [t.status for t in started] == ["RUNNING"] * 3
    values = [str(t.hyperparameters.values) for t in started]
    assert len(set(values)) == 3


def test_hyperband_waits_for_its_round_and_not_for_another_bracket(tmp_path):
    oracle = oracle_of(
        tmp_path, "tune.oracle=hyperband", "tune.trials=5", "tune.epochs=15"
    )
    trials = [oracle.create_trial(name) for name in "abcd"]
    assert oracle.create_trial("e").status == "IDLE"
    for n, trial in enumerate(trials):
        finish(oracle, trial, float(n))
    last = oracle.create_trial("a")
    assert last.hyperparameters.values["tuner/trial_id"] == trials[0].trial_id

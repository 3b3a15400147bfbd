"""A group of processes that lives and dies as one, with programs of one line."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from keras_astro.errors import KastroError
from keras_astro.training.launch import launch

# Writes its words to a file of its worker, then does what the test says.
WORKER = """
import json, os, signal, sys, time
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
with open(f"{sys.argv[1]}/{index}", "a") as file:
    print(os.getpid(), os.getpgid(0), *sys.argv[2:], file=file)
"""


@pytest.fixture
def run(tmp_path):
    """Launches a line of Python on two workers; what they noted, and what was told."""

    def call(line, words=("train",), retries=1):
        told = []
        program = sys.executable, "-c", WORKER + line, str(tmp_path)
        try:
            launch(
                words, workers=2, retries=retries, story=told.append, program=program
            )
        finally:
            notes = [
                path.read_text().splitlines() for path in sorted(tmp_path.iterdir())
            ]
        return notes, told

    return call


def test_all_end_well_in_one_process_group(run):
    notes, told = run("pass")
    assert told == []
    (first,), (second,) = ([line.split() for line in note] for note in notes)
    assert first[0] == first[1] == second[1]
    assert first[2:] == second[2:] == ["train"]


def test_a_refusal_is_final_and_ends_the_others_at_once(run, tmp_path):
    begun = time.monotonic()
    with pytest.raises(KastroError, match="worker 1 ended with code 4") as caught:
        run("if index == 1: sys.exit(4)\ntime.sleep(60)")
    assert caught.value.exit_code == 4
    assert "what worker 1 says" in caught.value.hint
    assert time.monotonic() - begun < 50
    assert [len(p.read_text().splitlines()) for p in tmp_path.iterdir()] == [1, 1]


# The first to die ends the other, which shall have made its note by then.
BOTH_NOTED = """
import pathlib
notes = [pathlib.Path(sys.argv[1], name) for name in "01"]
lines = lambda note: len(note.read_text().splitlines()) if note.exists() else 0
mine = lines(notes[index])
while min(map(lines, notes)) < mine:
    time.sleep(0.01)
"""


def test_retries_are_bounded_and_continue(run, tmp_path):
    words = ("train", "--overwrite")
    line = BOTH_NOTED + "os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(KastroError, match="SIGKILL, after 2 restarts of all 2"):
        run(line, words, retries=2)
    lines = (tmp_path / "0").read_text().splitlines()
    assert [line.split()[2:] for line in lines] == [
        ["train", "--overwrite"],
        ["train", "--resume"],
        ["train", "--resume"],
    ]


SIGNALLED = """
import sys
from keras_astro.errors import KastroError
from keras_astro.training.launch import launch
try:
    launch(["train"], workers=2, retries=3, story=print, program=sys.argv[1:])
except KastroError as error:
    print(error, error.exit_code)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_all_workers_and_ends_the_launch(tmp_path, number):
    line = textwrap.dedent("""
        def note(number, frame):
            with open(f"{sys.argv[1]}/{index}", "a") as file:
                print("got", number, file=file)
            sys.exit(1)
        signal.signal(signal.SIGINT, note)
        signal.signal(signal.SIGTERM, note)
        open(f"{sys.argv[1]}/{index}-ready", "w").close()
        time.sleep(60)
    """)
    program = [sys.executable, "-c", WORKER + line, str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-c", SIGNALLED, *program], stdout=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 30
    while len(list(tmp_path.glob("*-ready"))) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(process.pid, number)
    told = process.communicate(timeout=120)[0]
    assert told.split()[-1] == str(128 + number)
    for index in range(2):
        lines = (tmp_path / str(index)).read_text().splitlines()
        assert lines[1:] == [f"got {number.value}"]

"""The command itself, called in this process as `main` is called in its own."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from keras_astro.cli.main import main

# A run of seconds: every step of a real one, on few lenses.
TINY = (
    "train.epochs=3",
    "train.jit=off",
    "physics.simulated_lenses=300",
    "physics.epochs=2",
    "physics.components=60",
    "preprocessing.pca_components=30",
    "scores.tangent_clusters=16",
    "scores.bootstrap=20",
)
# In a process that a shell has put into the background, Ctrl-C would be ignored.
LAUNCH = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from keras_astro.cli.main import main
main()
"""


@dataclass
class Answer:
    """What a call left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """The one object on stdout."""
        assert self.out.count("\n") == 1, self.out
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    def done(self):
        assert self.code == 0, self.err
        return self

    def refused(self, code: int, *words: str):
        """One line for the user, with the words; nothing of Python's own."""
        assert self.code == code, self.err
        assert "Traceback" not in self.err
        told = [line for line in self.err.splitlines() if line.startswith("kastro: ")]
        assert len(told) == 1, self.err
        for word in words:
            assert word in self.err
        return self


@contextlib.contextmanager
def _captured(folder: Path):
    """Catches both descriptors too: libraries in C write past `sys.stdout`."""
    with contextlib.ExitStack() as stack:
        files = []
        for number, name in ((1, "stdout"), (2, "stderr")):
            file = stack.enter_context(tempfile.TemporaryFile("w+", dir=folder))
            kept = os.dup(number)
            os.dup2(file.fileno(), number)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, number)
            stack.enter_context(mock.patch.object(sys, name, file))
            files.append(file)
        texts = []
        yield texts
        for file in files:
            file.flush()
            file.seek(0)
            texts.append(file.read())


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """Folder of the session's files, with the cache of simulated sets in it."""
    folder = tmp_path_factory.mktemp("kastro")
    with mock.patch.dict(os.environ, KASTRO_CACHE=str(folder / "cache")):
        yield folder


@pytest.fixture(scope="session")
def kastro(base):
    """Calls `kastro` in this process: `kastro("train", "lensing", cwd=folder)`."""

    def call(*words, cwd=base) -> Answer:
        argv = mock.patch.object(sys, "argv", ["kastro", *map(str, words)])
        with contextlib.chdir(cwd), argv, _captured(base) as texts:
            with pytest.raises(SystemExit) as end:
                main()
        return Answer(end.value.code or 0, *texts)

    return call


@pytest.fixture(scope="session")
def started(base):
    """Starts `kastro` in a process of its own."""

    def start(*words, cwd=base) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *map(str, words)],
            cwd=cwd,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


@pytest.fixture(scope="session")
def apart(started):
    """Calls `kastro` in a process of its own and waits for its answer."""

    def call(*words) -> Answer:
        process = started(*words)
        out, err = process.communicate()
        return Answer(process.returncode, out, err)

    return call


@pytest.fixture(scope="session")
def tiny():
    """Options that make a training short; further settings may be added."""

    def options(*more: str) -> list[str]:
        return [word for value in (*TINY, *more) for word in ("--set", value)]

    return options


@pytest.fixture(scope="session")
def store(kastro, base):
    """300 lenses, a quarter of them with substructure."""
    path = base / "lenses.h5"
    kastro("simulate", "lensing", "-n", 300, "-o", path).done()
    return path


@pytest.fixture(scope="session")
def smooth(kastro, base):
    """300 lenses without substructure: a run on them keeps no test rows."""
    path = base / "smooth.h5"
    options = "--set", "simulation.anomaly_fraction=0"
    kastro("simulate", "lensing", "-n", 300, "-o", path, *options).done()
    return path


@pytest.fixture(scope="session")
def trained(kastro, base, store, tiny):
    """A run folder, and what the training of it answered."""
    folder = base / "trained"
    words = "train", "lensing", "--data", store, *tiny(), "-o", folder, "--json"
    return folder, kastro(*words).done()


@pytest.fixture
def images(tmp_path):
    """Twelve images of 64 x 64 pixels in a folder."""
    folder = tmp_path / "night"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 255, (64, 64)).astype("uint8")
        Image.fromarray(pixels).save(folder / f"{number:02}.jpg")
    return folder

"""A simulation that is killed goes on, and its store is that of one never stopped."""

import hashlib
import signal
import time

import pytest

from keras_astro.data.galaxy_schema import GALAXIES
from keras_astro.data.parts import Parts
from keras_astro.errors import DataError
from keras_astro.simulate import galaxies
from keras_astro.simulate.galaxy_config import GalaxySimulation

WORDS = ["simulate", "galaxies", "-n", 72, "--seed", 3]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def reproducible(monkeypatch):
    """The time of a store is part of its bytes."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


def test_kill_and_resume_give_the_same_bytes(kastro, started, tmp_path, reproducible):
    whole, killed = tmp_path / "whole.h5", tmp_path / "killed.h5"
    kastro(*WORDS, "-o", whole).done()
    process = started(*WORDS, "-o", killed)
    kept = tmp_path / ".killed.h5.parts"
    while not (kept / "000000.npz").is_file():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not killed.exists()
    before = {path.name for path in kept.glob("*.npz")}
    assert 1 <= len(before) < 3
    other = kastro(*WORDS[:-1], 4, "-o", killed, "--resume")
    other.refused(2, "was begun with seed = 3, found 4")
    kastro(*WORDS, "-o", killed, "--jobs", 2, "--resume").done()
    assert digest(killed) == digest(whole)
    assert not list(tmp_path.glob(".*"))
    kastro(*WORDS, "-o", killed, "--resume").refused(2, "exists already")


def test_damaged_blocks_are_told(tmp_path, refused):
    quick = GalaxySimulation.preset("v1").replace(pixels=16, sersic_n=(1.0, 1.0))
    parts = Parts(tmp_path / "a.h5", {}, GALAXIES, resume=False)
    made = list(parts.kept(galaxies.iter_simulate(quick, 40, seed=1)))
    again = Parts(tmp_path / "a.h5", {}, GALAXIES, resume=True)
    later = galaxies.iter_simulate(quick, 40, seed=1, skip=again.done)
    assert [len(block) for block in again.kept(later)] == [len(b) for b in made]
    (again.folder / "000001.npz").write_bytes(b"PK")
    with refused(DataError, "000001.npz", "damaged"):
        list(again.kept([]))
    assert Parts(tmp_path / "a.h5", {}, GALAXIES, resume=False).done == 0

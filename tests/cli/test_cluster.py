"""Simulation and prediction on a Dask cluster of two processes of this machine."""

import os
import subprocess
import sys

import pytest

from keras_astro.data.parallel import as_done, in_order
from keras_astro.errors import ConfigError, MissingExtraError, UsageError

pytest.importorskip("distributed", reason="dask[distributed] is not installed")

from keras_astro.data import dask_pool
from keras_astro.data.dask_pool import DaskPool

CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    options = {"threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with LocalCluster(n_workers=2, scheduler_port=0, **options) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Address of a scheduler with two workers, which end with the tests."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "cluster.py").write_text(CLUSTER)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "cluster.py"],
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        address = process.stdout.readline().strip()
        assert address.startswith("tcp://"), (folder / "log").read_text()
        yield address
        process.communicate("", timeout=60)


def test_a_cluster_simulates_the_same_bytes(kastro, cluster, tmp_path, monkeypatch):
    # The time of a store is part of its bytes.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    words = "simulate", "lensing", "-n", 130, "--seed", 3
    kastro(*words, "-o", tmp_path / "here.h5").done()
    kastro(*words, "-o", tmp_path / "there.h5", "--scheduler", cluster).done()
    here, there = (tmp_path / f"{name}.h5" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()
    both = "--jobs", 2, "--scheduler", cluster
    kastro(*words, "-o", tmp_path / "a.h5", *both).refused(2, "--jobs")


def test_a_cluster_predicts_the_same_table(kastro, cluster, store, tmp_path):
    parts = tmp_path / "night"
    kastro("data", "convert", store, "-o", parts, "--part-rows", 60).done()
    words = "predict", "preset:lensing"
    kastro(*words, parts, "-o", tmp_path / "here.csv").done()
    options = "-o", "there.csv", "--scheduler", cluster
    # Its workers have another working folder.
    kastro(*words, "night", *options, cwd=tmp_path).done()
    here, there = (tmp_path / f"{name}.csv" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_a_worker_that_dies_is_replaced(cluster, tmp_path):
    flag = tmp_path / "died"

    def once(task):
        import os
        import pathlib

        if task == 3 and not pathlib.Path(flag).exists():
            pathlib.Path(flag).touch()
            os._exit(1)
        return -task

    # Sent as it is: the workers cannot import a test.
    once.__module__ = "__main__"
    with DaskPool(cluster) as pool:
        assert pool.size == 2
        assert list(in_order(once, range(8), jobs=pool)) == [-n for n in range(8)]
        assert dict(as_done(abs, [-2, -1], jobs=pool)) == {0: 2, 1: 1}
    assert flag.exists()


def test_workers_of_another_version_are_refused(cluster, refused, monkeypatch):
    monkeypatch.setattr(dask_pool, "__version__", "99.0")
    with refused(ConfigError, "expected keras-astro 99.0 as here", hint="same version"):
        DaskPool(cluster)


def test_nobody_there_is_told(refused, monkeypatch):
    monkeypatch.setattr(dask_pool, "PATIENCE_SECONDS", 0.5)
    with refused(UsageError, "tcp://127.0.0.1:9: no Dask scheduler"):
        DaskPool("tcp://127.0.0.1:9")


def test_without_dask_the_extra_is_named(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with refused(MissingExtraError, "--scheduler needs distributed", hint="[cluster]"):
        DaskPool("tcp://127.0.0.1:9")

"""One device, two devices and two workers take the same steps.

49 rows in batches of 16: the last batch is one row, which one replica has and the other
has not. The loss is the case's own, with a penalty of the Jacobian, a regulariser, a
metric of rows, and gradients clipped at a norm that they exceed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_astro.training.cluster import Cluster
from keras_astro.training.launch import free_ports

CASE = Path(__file__).with_name("shared_case.py")


def start(kinds, **environment):
    return subprocess.Popen(
        [sys.executable, CASE, kinds],
        env={**os.environ, "TF_NUM_INTRAOP_THREADS": "1", **environment},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(scope="module")
def found():
    """What each way of training printed: `cpu`, `mirrored` and two `multiworker`."""
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(2))
    processes = [start("cpu,mirrored,refused")]
    for index in range(2):
        config = Cluster(addresses, index).tf_config()
        processes.append(start("multiworker,differs", TF_CONFIG=config))
    rows = []
    for process in processes:
        out, err = process.communicate(timeout=200)
        assert process.returncode == 0, err[-3000:]
        rows += [json.loads(line) for line in out.splitlines()]
    return rows


def of_kind(found, kind):
    return [row for row in found if row["kind"] == kind]


@pytest.mark.parametrize("kind", ["mirrored", "multiworker"])
def test_losses_of_ten_epochs_are_those_of_one_device(found, kind):
    (one,) = of_kind(found, "cpu")
    assert len(one["history"]) == 10
    assert one["history"][-1]["loss"] < 0.8 * one["history"][0]["loss"]
    for shared in of_kind(found, kind):
        assert shared["replicas"] == 2
        for row, wanted in zip(shared["history"], one["history"], strict=True):
            assert row.keys() == wanted.keys() >= {"loss", "contractive", "val_error"}
            assert row == pytest.approx(wanted, rel=1e-5)


def test_weights_are_equal_bit_for_bit_across_workers(found):
    first, second = of_kind(found, "multiworker")
    assert {first["worker"], second["worker"]} == {0, 1}
    assert first["sha256"] == second["sha256"]


def test_workers_of_other_weights_are_told_so(found):
    for row in of_kind(found, "differs"):
        assert "rows of worker 1 differ from those of worker 0" in row["error"]


def test_settings_that_two_devices_cannot_keep_are_refused(found):
    (row,) = of_kind(found, "refused")
    assert "train.jit = on" in row["error"]

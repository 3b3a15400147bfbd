"""Who trains together, and what cannot be kept when several do."""

import json

import pytest

from keras_astro.config import TrainConfig
from keras_astro.errors import ConfigError, UsageError
from keras_astro.training.cluster import Cluster, check_settings, find_cluster


def tf_config(kind, index, **jobs):
    return {
        "TF_CONFIG": json.dumps(
            {"cluster": jobs, "task": {"type": kind, "index": index}}
        )
    }


def test_workers_keep_their_order_and_the_chief_comes_first():
    jobs = {"worker": ["a:1", "b:1"], "chief": ["c:1"]}
    assert find_cluster(tf_config("chief", 0, **jobs)).chief
    found = find_cluster(tf_config("worker", 1, **jobs))
    assert found == Cluster(("c:1", "a:1", "b:1"), 2)
    assert not found.chief
    assert find_cluster(tf_config("worker", 0, worker=["a:1", "b:1"])).chief
    assert find_cluster({"TF_CONFIG": found.tf_config()}) == found


def test_slurm_gives_neighbouring_ports_to_the_tasks_of_a_node():
    found = find_cluster(
        {
            "SLURM_PROCID": "3",
            "SLURM_STEP_NODELIST": "node[09-10],big",
            "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
            "KASTRO_PORT": "7000",
        }
    )
    nodes = "node09:7000", "node09:7001", "node10:7000", "node10:7001", "big:7000"
    assert found == Cluster(nodes, 3)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "neither TF_CONFIG nor Slurm"),
        ({"TF_CONFIG": "{"}, "expected a cluster and a task"),
        (tf_config("ps", 0, worker=["a:1"]), "type ps cannot train"),
        (tf_config("worker", 5, worker=["a:1"]), "task 5 of 1 workers"),
        ({"SLURM_PROCID": "0"}, "cannot read Slurm's variables"),
        (
            {
                "SLURM_PROCID": "0",
                "SLURM_STEP_NODELIST": "a,b",
                "SLURM_STEP_TASKS_PER_NODE": "1",
            },
            "cannot read Slurm's variables",
        ),
    ],
)
def test_no_cluster_is_refused(environment, words, refused):
    with refused(UsageError, words):
        find_cluster(environment)


@pytest.mark.parametrize("name", ["mirrored", "multiworker"])
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"jit": "on"}, "train.jit = on: XLA keeps variables on one device"),
        ({"steps_per_execution": 4}, "train.steps_per_execution = 4"),
        ({"batch_size": 1}, "shared by 2 replicas"),
    ],
)
def test_what_replicas_cannot_keep_is_refused(name, settings, words, refused):
    train = TrainConfig(**settings)
    with refused(ConfigError, words):
        check_settings(train, name, replicas=2)
    check_settings(train, "cpu")


def test_settings_by_default_are_kept():
    for name in ("auto", "cpu", "mirrored", "multiworker"):
        check_settings(TrainConfig(), name, replicas=8)

"""Where a run computes: one device, all devices of a machine, or several processes."""

from __future__ import annotations

import functools
import os

import tensorflow as tf

from keras_astro.config import TrainConfig
from keras_astro.training.cluster import check_settings, find_cluster


def choose_strategy(name: str) -> tf.distribute.Strategy:
    """The `tf.distribute` strategy of a name.

    `auto` mirrors over the GPUs when there are two or more and computes on one device
    otherwise. `mirrored` takes all GPUs, or all logical CPUs where there is none.
    `multiworker` joins the processes that the environment names, and waits for them;
    it has to come before anything is computed.

    Raises:
        UsageError: If the environment names no cluster for `multiworker`.
    """
    if name == "multiworker":
        return _join(find_cluster(os.environ).tf_config())
    gpus = tf.config.list_logical_devices("GPU")
    if name == "auto":
        name = "mirrored" if len(gpus) > 1 else "cpu"
    if name == "mirrored":
        devices = gpus or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


# TensorFlow joins a cluster once in the life of a process.
@functools.cache
def _join(tf_config: str) -> tf.distribute.Strategy:
    os.environ["TF_CONFIG"] = tf_config
    return tf.distribute.MultiWorkerMirroredStrategy()


class Team:
    """The replicas that share a training, seen from this process.

    Args:
        strategy: The `tf.distribute` strategy; the present one when None.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None):
        self.strategy = strategy or tf.distribute.get_strategy()
        resolver = self.strategy.cluster_resolver
        joined = isinstance(self.strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self.workers, self.index = 1, 0
        if joined and resolver.task_type:
            cluster = find_cluster(os.environ)
            self.workers, self.index = len(cluster.addresses), cluster.index

    @classmethod
    def of(cls, train: TrainConfig) -> Team:
        """The team that the settings ask for.

        Raises:
            UsageError: If the environment names no cluster for `multiworker`.
            ConfigError: If the strategy cannot keep a setting.
        """
        check_settings(train, train.strategy)
        team = cls(choose_strategy(train.strategy))
        if team.replicas > 1:
            named = "multiworker" if team.workers > 1 else "mirrored"
            check_settings(train, named, replicas=team.replicas)
        return team

    @property
    def replicas(self) -> int:
        """Copies of the model that share each batch, over all processes."""
        return self.strategy.num_replicas_in_sync

    @property
    def chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.index == 0

    def barrier(self) -> None:
        """Waits until every process is here."""
        if self.workers > 1:
            self.together([0])

    def together(self, numbers: list[int]) -> list[list[int]]:
        """The numbers of every worker, in order of the workers."""
        mine = [[0] * len(numbers)] * self.workers
        mine[self.index] = list(numbers)
        total = self.strategy.run(_summed, args=(tf.constant(mine, tf.int32),))
        total = self.strategy.experimental_local_results(total)[0]
        return (total // (self.replicas // self.workers)).numpy().tolist()


@tf.function
def _summed(values: tf.Tensor) -> tf.Tensor:
    # A copy lies on the replica's device, which the reduction asks for.
    return tf.distribute.get_replica_context().all_reduce("SUM", tf.identity(values))

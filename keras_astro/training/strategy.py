"""Where a run computes: one device, or all devices of this machine."""

from __future__ import annotations

import tensorflow as tf


def choose_strategy(name: str) -> tf.distribute.Strategy:
    """The `tf.distribute` strategy of a name.

    `auto` mirrors over the GPUs when there are two or more and computes on one device
    otherwise. `mirrored` takes all GPUs, or all logical CPUs where there is none.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if name == "auto":
        name = "mirrored" if len(gpus) > 1 else "cpu"
    if name == "mirrored":
        devices = gpus or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()

"""Batches whose order depends on seed and epoch alone, so that a resumed run agrees."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf


def batches(
    inputs: np.ndarray,
    targets: np.ndarray | None,
    *,
    batch_size: int,
    epochs: int,
    first_epoch: int = 0,
    seed: int = 0,
) -> tuple[tf.data.Dataset, int]:
    """Shuffled batches of `epochs - first_epoch` epochs as one data set.

    The permutation of epoch e is a function of `(seed, e)`, so a run that resumes at
    epoch e sees what the uninterrupted run saw. Arrays in memory are gathered inside
    TensorFlow; memory maps are read in sorted order, batch by batch.

    Args:
        inputs: Training rows, `(row, ...)`.
        targets: As `inputs`; None yields inputs alone.
        batch_size: Rows a step; the last batch of an epoch may be smaller.
        epochs: Epoch at which training ends.
        first_epoch: Epoch at which it starts.
        seed: Run seed.

    Returns:
        The data set and its number of steps an epoch.
    """
    rows = len(inputs)
    steps = math.ceil(rows / batch_size)
    order = tf.data.Dataset.range(first_epoch, epochs).flat_map(
        lambda epoch: tf.data.Dataset.from_tensor_slices(
            tf.random.experimental.stateless_shuffle(
                tf.range(rows), seed=tf.stack([tf.constant(seed, tf.int64), epoch])
            )
        ).batch(batch_size)
    )
    fetch = _from_map if isinstance(inputs, np.memmap) else _from_memory
    dataset = order.map(fetch(inputs, targets), num_parallel_calls=1)
    return dataset.prefetch(4), steps


def _from_memory(inputs, targets):
    x = tf.constant(inputs)
    if targets is None:
        return lambda index: tf.gather(x, index)
    y = tf.constant(targets)
    return lambda index: (tf.gather(x, index), tf.gather(y, index))


def _from_map(inputs, targets):
    def read(array):
        def rows(index):
            ranks = np.argsort(np.argsort(index))
            return np.asarray(array[np.sort(index)])[ranks]

        def tensor(index):
            out = tf.numpy_function(rows, [index], tf.as_dtype(array.dtype))
            out.set_shape((None, *array.shape[1:]))
            return out

        return tensor

    x = read(inputs)
    if targets is None:
        return x
    y = read(targets)
    return lambda index: (x(index), y(index))

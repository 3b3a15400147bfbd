"""Batches whose order depends on seed and epoch alone, so that a resumed run agrees."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_astro.data.gather import release
from keras_astro.tasks.base import Arrays, Stream


def batches(
    inputs: Arrays | Stream,
    targets: Arrays | None,
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
        inputs: Training rows, `(row, ...)`, or several arrays by name; or a stream,
            which brings its targets.
        targets: As `inputs`; None yields inputs alone.
        batch_size: Rows a step; the last batch of an epoch may be smaller.
        epochs: Epoch at which training ends.
        first_epoch: Epoch at which it starts.
        seed: Run seed.

    Returns:
        The data set and its number of steps an epoch.
    """
    if isinstance(inputs, Stream):
        steps = math.ceil(inputs.rows / batch_size)
        return streamed(inputs, batch_size, first_epoch * steps, epochs * steps), steps
    order, steps = shuffled(
        count(inputs), batch_size, epochs=range(first_epoch, epochs), seed=seed
    )
    dataset = order.map(gatherer(inputs, targets), num_parallel_calls=1)
    return dataset.prefetch(4), steps


def count(arrays: Arrays) -> int:
    """Rows of one array or of several."""
    return len(tf.nest.flatten(arrays)[0])


def shuffled(
    rows: int, batch_size: int, *, epochs: range, seed: int
) -> tuple[tf.data.Dataset, int]:
    """Row numbers of each batch, a new permutation an epoch; and batches an epoch."""
    order = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(
        lambda epoch: tf.data.Dataset.from_tensor_slices(
            tf.random.experimental.stateless_shuffle(
                tf.range(rows), seed=tf.stack([tf.constant(seed, tf.int64), epoch])
            )
        ).batch(batch_size)
    )
    return order, math.ceil(rows / batch_size)


def gatherer(inputs: Arrays, targets: Arrays | None) -> Callable:
    """A function from row numbers to the rows of all arrays, inside TensorFlow."""
    given = inputs if targets is None else (inputs, targets)
    # An autoencoder's inputs are its targets: one array is held, and read, once.
    arrays = {id(array): array for array in tf.nest.flatten(given)}
    readers = {key: _reader(array) for key, array in arrays.items()}

    def gather(index):
        rows = {key: read(index) for key, read in readers.items()}
        return tf.nest.map_structure(lambda array: rows[id(array)], given)

    return gather


def streamed(stream: Stream, batch_size: int, first: int, end: int) -> tf.data.Dataset:
    """The batches of the steps `first` to `end`, made while the ones before train."""
    example = stream.make(0, 1)
    dtypes = [tf.as_dtype(array.dtype) for array in tf.nest.flatten(example)]
    shapes = [(batch_size, *array.shape[1:]) for array in tf.nest.flatten(example)]

    def make(step):
        return tf.nest.flatten(stream.make(int(step), batch_size))

    def batch(step):
        tensors = tf.numpy_function(make, [step], dtypes)
        for tensor, shape in zip(tensors, shapes, strict=True):
            tensor.set_shape(shape)
        return tf.nest.pack_sequence_as(example, tensors)

    return tf.data.Dataset.range(first, end).map(batch).prefetch(4)


def _reader(array: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from row numbers to rows, inside TensorFlow."""
    if not isinstance(array, np.memmap):
        held = tf.constant(array)
        return lambda index: tf.gather(held, index)

    def rows(index):
        ranks = np.argsort(np.argsort(index))
        found = np.asarray(array[np.sort(index)])[ranks]
        release(array)
        return found

    def tensor(index):
        out = tf.numpy_function(rows, [index], tf.as_dtype(array.dtype))
        out.set_shape((None, *array.shape[1:]))
        return out

    return tensor

"""Each replica's share of a batch, whatever the number of its rows."""

from __future__ import annotations

import tensorflow as tf

from keras_astro.tasks.base import Arrays, Stream
from keras_astro.training.batches import count, gatherer, shuffled, streamed

HELD_ROWS = 1024


class Shares:
    """Makes endless data sets of the parts that the replicas of this process take.

    Part r of R of a batch of n rows is its rows `r n // R` to `(r + 1) n // R`; where
    there is none it is one row that counts as 0. An element is `(data, rows of the
    part, rows of the batch)`. The batches are those of one device: `batches`.

    Args:
        batch: Data set of row numbers, or of whole batches that are made and not read.
        gather: From row numbers to rows; None where the batches hold rows.
    """

    def __init__(self, batch: tf.data.Dataset, gather=None):
        self.batch = batch
        self.gather = gather

    def __call__(self, context: tf.distribute.InputContext) -> tf.data.Dataset:
        replicas = context.num_replicas_in_sync
        local = replicas // context.num_input_pipelines
        first = local * context.input_pipeline_id

        def parts(*batch):
            batch = batch[0] if len(batch) == 1 else batch
            rows = tf.shape(tf.nest.flatten(batch)[0], out_type=tf.int64)[0]
            part = lambda number: _part(batch, rows, number, replicas)
            return tf.data.Dataset.range(first, first + local).map(part)

        dataset = self.batch.flat_map(parts)
        if self.gather is not None:
            dataset = dataset.map(lambda index, *rows: (self.gather(index), *rows))
        # Without an end nothing has to be asked about it at each step.
        return dataset.repeat().prefetch(4 * local)


def _part(batch, rows, number, replicas):
    start, stop = (n * rows // replicas for n in (number, number + 1))
    some = tf.maximum(stop, start + 1)
    part = tf.nest.map_structure(lambda array: array[start:some], batch)
    return part, tf.cast(stop - start, tf.float32), tf.cast(rows, tf.float32)


def training_shares(
    inputs: Arrays | Stream,
    targets: Arrays | None,
    *,
    batch_size: int,
    epochs: range,
    seed: int,
) -> Shares:
    """The batches of `batches` for several replicas, over the given epochs."""
    if isinstance(inputs, Stream):
        steps = -(-inputs.rows // batch_size)
        first, end = epochs.start * steps, epochs.stop * steps
        return Shares(streamed(inputs, batch_size, first, end))
    order, _ = shuffled(count(inputs), batch_size, epochs=epochs, seed=seed)
    return Shares(order, gatherer(inputs, targets))


def held_shares(inputs: Arrays, targets: Arrays | None) -> tuple[Shares, int]:
    """Validation rows in their order, and the number of their batches."""
    rows = count(inputs)
    order = tf.data.Dataset.range(rows).batch(HELD_ROWS)
    return Shares(order, gatherer(inputs, targets)), -(-rows // HELD_ROWS)

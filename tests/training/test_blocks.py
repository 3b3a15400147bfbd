import h5py
import numpy as np
import pytest

from keras_astro.errors import DataError
from keras_astro.training.blocks import BlockReader


@pytest.fixture
def shards(tmp_path):
    """23 rows in two files; a row's target is ten times its input."""
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for path, rows in zip(paths, (np.arange(15.0), np.arange(15.0, 23.0)), strict=True):
        with h5py.File(path, "w") as file:
            file["inputs/x"] = rows[:, None]
            file["targets/y"] = 10 * rows
    return paths


def reader(paths, **options):
    sizes = {"block_rows": 4, "blocks_at_once": 2}
    return BlockReader(paths, "inputs/x", "targets/y", **sizes | options)


def epoch(read, number, rows=5):
    steps = -(-read.rows // rows)
    made = [read.batch(number * steps + step, rows) for step in range(steps)]
    return np.concatenate([x[:, 0] for x, _ in made]), [y for _, y in made]


def test_an_epoch_has_every_row_and_targets_stay_with_theirs(shards):
    read = reader(shards)
    assert read.rows == 23
    first, targets = epoch(read, 0)
    assert sorted(first[:23]) == list(range(23))
    # The last batch is filled with the first rows of the epoch.
    np.testing.assert_array_equal(first[23:], first[:2])
    np.testing.assert_array_equal(np.concatenate(targets), 10 * first)
    second, _ = epoch(read, 1)
    assert sorted(second[:23]) == list(range(23))
    assert (first != second).any()


def test_rows_in_memory_are_shuffled_beyond_their_block(shards):
    first, _ = epoch(reader(shards, blocks_at_once=6), 0)
    assert np.sum(np.abs(np.diff(first[:23])) == 1) < 8


def test_a_batch_is_a_function_of_seed_and_step(shards):
    in_order = [reader(shards).batch(step, 5)[0] for step in range(12)]
    jumped = reader(shards)
    for step in (11, 3, 7):
        np.testing.assert_array_equal(jumped.batch(step, 5)[0], in_order[step])
    other = reader(shards, seed=1)
    assert any((other.batch(s, 5)[0] != in_order[s]).any() for s in range(5))


def test_no_more_than_some_blocks_are_read_for_a_batch(shards):
    read = reader(shards)
    read.batch(0, 5)
    assert sum(len(x) for x in read._load(0, 0)[:1]) <= 8
    assert read._load.cache_info().currsize == 1


def test_what_is_absent_is_named(shards, tmp_path, refused):
    with refused(DataError, "a.h5", "expected an array inputs/flux"):
        BlockReader(shards, "inputs/flux")
    with refused(DataError, "none.h5"):
        BlockReader([tmp_path / "none.h5"], "inputs/x")
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(shards[0].read_bytes()[:700])
    with refused(DataError, damaged, "damaged or truncated", hint="write it again"):
        BlockReader([damaged], "inputs/x")

import numpy as np

from keras_astro.training import batches as module
from keras_astro.training.batches import batches


def seen(dataset):
    return [np.asarray(batch).ravel().tolist() for batch in dataset]


def test_each_epoch_sees_every_row_once():
    dataset, steps = batches(
        np.arange(10.0)[:, None], None, batch_size=4, epochs=2, seed=3
    )
    rows = seen(dataset)
    assert steps == 3
    assert [len(batch) for batch in rows] == [4, 4, 2, 4, 4, 2]
    assert sorted(sum(rows[:3], [])) == list(range(10))
    assert sorted(sum(rows[3:], [])) == list(range(10))
    assert rows[:3] != rows[3:]


def test_resumed_epoch_equals_uninterrupted():
    x = np.arange(10.0)[:, None]
    whole, steps = batches(x, None, batch_size=4, epochs=4, seed=3)
    resumed, _ = batches(x, None, batch_size=4, epochs=4, first_epoch=2, seed=3)
    assert seen(whole)[2 * steps :] == seen(resumed)


def test_memory_map_gives_the_rows_of_the_array(tmp_path):
    x = np.arange(24, dtype="float32").reshape(12, 2)
    y = np.arange(12, dtype="float32")[:, None]
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    maps = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy"]
    expected, _ = batches(x, y, batch_size=5, epochs=1, seed=1)
    found, _ = batches(*maps, batch_size=5, epochs=1, seed=1)
    for (x1, y1), (x2, y2) in zip(expected, found, strict=True):
        np.testing.assert_array_equal(x1, x2)
        np.testing.assert_array_equal(y1, y2)


def test_arrays_by_name_keep_their_rows_together():
    x = {"flux": np.arange(10.0)[:, None], "ivar": 100 + np.arange(10.0)[:, None]}
    dataset, steps = batches(x, None, batch_size=4, epochs=1, seed=3)
    assert steps == 3
    for batch in dataset:
        np.testing.assert_array_equal(batch["ivar"], batch["flux"] + 100)


def test_an_array_that_is_input_and_target_is_held_and_read_once(monkeypatch):
    made, calls = [], []
    reader = module._reader

    def watched(array):
        made.append(array)
        read = reader(array)
        return lambda index: calls.append(index) or read(index)

    monkeypatch.setattr(module, "_reader", watched)
    rows, other = np.arange(12.0).reshape(6, 2), np.arange(6.0)
    inputs, targets = module.gatherer({"a": rows, "b": other}, rows)(np.array([4, 1]))
    assert len(made) == len(calls) == 2
    assert np.array_equal(inputs["a"], rows[[4, 1]])
    assert np.array_equal(inputs["b"], other[[4, 1]])
    assert np.array_equal(targets, rows[[4, 1]])

import json
import tracemalloc

import h5py
import numpy as np
import pytest

from keras_astro.data.sample import Sample
from keras_astro.data.schemas import LENSING
from keras_astro.data.store import CHUNK_ROWS, StoreSource, write_store
from keras_astro.errors import DataError, UsageError

FACTS = {"generator": "test", "config": {"a": 1}, "seed": 5}


def assert_same(found, expected):
    for group in ("inputs", "targets", "meta"):
        one, other = getattr(found, group), getattr(expected, group)
        assert sorted(one) == sorted(other)
        for name, array in other.items():
            np.testing.assert_array_equal(one[name], array)
            assert one[name].dtype.kind == array.dtype.kind


def test_rows_and_attributes_come_back(store, make_sample):
    source = StoreSource(store, LENSING)
    assert len(source) == 100
    assert_same(source.read(), make_sample(100))
    found = source.attributes
    assert found["task"] == "lensing"
    assert found["schema_version"] == 1
    assert found["generator"] == "test"
    assert json.loads(found["config"]) == {"a": 1}
    assert found["seed"] == 5
    assert found["created"].endswith("+00:00")


def test_datasets_carry_units_and_descriptions(store):
    with h5py.File(store) as file:
        assert file["targets/theta_E_arcsec"].attrs["units"] == "arcsec"
        assert file["inputs/image"].attrs["units"] == "adu"
        assert "cutout" in file["inputs/image"].attrs["description"]
        assert file["targets/theta_E_arcsec"].dtype == np.float32
        assert file["targets/is_anomaly"].dtype == np.uint8


def test_names_of_any_language_come_back(tmp_path):
    names = np.array(["a", "Véga-β", "天体 7", ""])
    sample = Sample(LENSING, {"image": np.ones((4, 2, 2, 1))}, {}, {"id": names})
    write_store(tmp_path / "a.h5", [sample], **FACTS)
    source = StoreSource(tmp_path / "a.h5", LENSING)
    assert source.read().meta["id"].tolist() == names.tolist()
    assert source.facts()["group"].tolist() == names.tolist()


def test_many_rows_stream_in_blocks_of_the_asked_size(tmp_path, make_sample):
    rows, written = 3 * CHUNK_ROWS * 5 + 7, []

    def blocks():
        for start in range(0, rows, 50):
            # Nothing is gathered first: at most one block is asked for ahead.
            written.append(start)
            yield make_sample(min(50, rows - start), start)

    assert write_store(tmp_path / "a.h5", blocks(), **FACTS) == rows
    source = StoreSource(tmp_path / "a.h5", LENSING)
    sizes, numbers = [], []
    for block in source.blocks(33):
        sizes.append(len(block))
        assert all(len(v) == len(block) for v in block.targets.values())
        numbers += block.inputs["image"][:, 0, 0, 0].astype(int).tolist()
    assert numbers == list(range(rows))
    assert set(sizes[:-1]) == {33}
    assert sizes[-1] == rows % 33
    assert len(written) == -(-rows // 50)


def test_memory_holds_a_block_and_not_the_file(tmp_path):
    def blocks():
        for start in range(0, 3200, 64):
            names = np.arange(start, start + 64).astype(str)
            images = np.full((64, 32, 32, 1), start, "float32")
            yield Sample(LENSING, {"image": images}, {}, {"id": names})

    block = 64 * 32 * 32 * 4
    tracemalloc.start()
    try:
        write_store(tmp_path / "a.h5", blocks(), **FACTS)
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        total = sum(len(b) for b in StoreSource(tmp_path / "a.h5", LENSING).blocks(64))
        read = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 3200
    assert block < read < 5 * block
    assert block < written < 5 * block
    assert (tmp_path / "a.h5").stat().st_size > 40 * block


@pytest.mark.parametrize(
    "indices", [[5], [], [9, 2, 2, 0], [99, 0], [0, 40, 99, 7, 7], list(range(100))]
)
def test_rows_come_in_the_asked_order(store, make_sample, indices):
    found = StoreSource(store, LENSING).take(indices)
    assert_same(found, make_sample(100).take(np.array(indices, int)))


def test_facts_do_not_read_pixels(store, make_sample, monkeypatch):
    source = StoreSource(store, LENSING)
    monkeypatch.setattr(source, "take", None)
    facts, expected = source.facts(), make_sample(100)
    assert facts["id"].tolist() == expected.meta["id"].tolist()
    assert facts["is_anomaly"].tolist() == expected.targets["is_anomaly"].tolist()


def test_existing_file_is_refused_and_untouched(store, make_sample, refused):
    before = store.read_bytes()
    with refused(UsageError, store, "exists already", hint="--overwrite") as caught:
        write_store(store, [make_sample(3)], **FACTS)
    assert caught.value.exit_code == 2
    assert store.read_bytes() == before
    write_store(store, [make_sample(3)], **FACTS, overwrite=True)
    assert len(StoreSource(store, LENSING)) == 3


def test_no_rows_leave_no_file(tmp_path, refused):
    with refused(DataError, tmp_path / "a.h5", "no rows"):
        write_store(tmp_path / "a.h5", [], **FACTS)
    assert list(tmp_path.iterdir()) == []


def test_folder_in_the_way_is_refused(tmp_path, make_sample, refused):
    (tmp_path / "a.h5").mkdir()
    with refused(DataError, tmp_path / "a.h5", "cannot be written", hint="-o"):
        write_store(tmp_path / "a.h5", [make_sample(2)], **FACTS, overwrite=True)
    (tmp_path / "file").write_text("x")
    with refused(DataError, tmp_path / "file" / "a.h5", hint="-o"):
        write_store(tmp_path / "file" / "a.h5", [make_sample(2)], **FACTS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.h5", "file"]


@pytest.mark.parametrize("change", ["fewer", "more", "shape"])
def test_blocks_that_differ_are_refused(tmp_path, make_sample, refused, change):
    first, second = make_sample(3), make_sample(3, 3)
    if change == "fewer":
        del second.targets["theta_E_arcsec"]
    elif change == "more":
        del first.targets["theta_E_arcsec"]
    else:
        second.inputs["image"] = second.inputs["image"][:, :5, :5]
    with refused(DataError, tmp_path / "a.h5", "expected", "found"):
        write_store(tmp_path / "a.h5", [first, second], **FACTS)
    assert list(tmp_path.iterdir()) == []

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_astro.data.splits import Split, fingerprint, split_by_group
from keras_astro.errors import ArtefactError, DataError

PARTS = {"train": 0.6, "validation": 0.1, "calibration": 0.1, "test": 0.2}


@st.composite
def tables(draw):
    """Group of each row, with groups of uneven size in mixed order, and held rows."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=20, max_size=50))
    groups = np.repeat([f"g{n}" for n in range(len(sizes))], sizes)
    groups = np.random.default_rng(draw(st.integers(0, 99))).permutation(groups)
    share = draw(st.sampled_from([0.0, 0.02]))
    held = np.random.default_rng(draw(st.integers(0, 99))).random(len(groups)) < share
    return groups, held, draw(st.integers(0, 2**32 - 1))


def split_of(groups, held, seed):
    ids = np.arange(len(groups)).astype(str)
    return split_by_group(groups, PARTS, seed=seed, ids=ids, only_test=held)


@settings(deadline=None, max_examples=50)
@given(tables())
def test_no_group_is_in_two_parts_and_no_row_is_lost(table):
    groups, held, seed = table
    split = split_of(groups, held, seed)
    rows = np.concatenate(list(split.indices.values()))
    assert sorted(rows) == list(range(len(groups)))
    members = [set(groups[part]) for part in split.indices.values()]
    assert sum(map(len, members)) == len(set(groups))
    assert split.leaked_fraction(groups) == 0
    assert set(np.flatnonzero(held)) <= set(split.indices["test"])
    for part in split.indices.values():
        assert np.all(np.diff(part) > 0)


@settings(deadline=None, max_examples=20)
@given(tables())
def test_same_seed_gives_the_same_split(table):
    groups, held, seed = table
    one, same = split_of(groups, held, seed), split_of(groups, held, seed)
    for name, rows in one.indices.items():
        np.testing.assert_array_equal(rows, same.indices[name])
    free = len(np.setdiff1d(groups, groups[held]))
    for name, fraction in PARTS.items():
        extra = len(np.unique(groups[held])) if name == "test" else 0
        found = len(np.unique(groups[one.indices[name]])) - extra
        assert abs(found - fraction * free) <= 1


def test_other_seed_gives_another_split():
    groups = np.arange(200).astype(str)
    one, other = (split_of(groups, np.zeros(200, bool), seed) for seed in (1, 2))
    assert set(one.indices["train"]) != set(other.indices["train"])


@pytest.mark.parametrize("kind", [bool, "uint8", list])
def test_labelled_rows_take_their_whole_group_to_test(kind):
    groups = np.repeat(np.arange(50), 2).astype(str)
    held = np.zeros(100, bool)
    held[[6, 21]] = True
    given_as = held.astype(int).tolist() if kind is list else held.astype(kind)
    split = split_of(groups, given_as, 3)
    assert {6, 7, 20, 21} <= set(split.indices["test"])
    assert len(np.concatenate(list(split.indices.values()))) == 100


def test_leak_is_measured():
    groups = np.array(["a", "a", "b", "c"])
    split = Split({"train": np.array([0, 2]), "test": np.array([1, 3])}, 0, "")
    assert split.leaked_fraction(groups) == 0.5
    assert Split({"train": np.array([0])}, 0, "").leaked_fraction(groups) == 0


def test_too_few_objects_are_refused(refused):
    groups = np.repeat(["a", "b"], 50)
    with refused(DataError, "too few objects", "2 leave", hint="more data") as caught:
        split_of(groups, None, 0)
    assert caught.value.exit_code == 4


def test_saved_and_loaded_are_equal(tmp_path):
    split = split_of(np.arange(40).astype(str), np.zeros(40, bool), 2**63 + 1)
    split.save(tmp_path / "split.json")
    found = Split.load(tmp_path / "split.json")
    assert [p.name for p in tmp_path.iterdir()] == ["split.json"]
    assert (found.seed, found.rows_sha256) == (split.seed, split.rows_sha256)
    assert list(found.indices) == list(split.indices)
    for name, rows in split.indices.items():
        np.testing.assert_array_equal(found.indices[name], rows)
        assert found.indices[name].dtype.kind == "i"


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        '{"version": 1, "seed": 0, "ind',
        "[]",
        "1",
        '{"version": 2, "seed": 0, "rows_sha256": "", "indices": {}}',
        '{"version": 1, "seed": 0, "rows_sha256": "", "indices": {"train": ["x"]}}',
        '{"version": 1, "seed": 0, "rows_sha256": "", "indices": [1]}',
        '{"version": 1, "seed": 0}',
    ],
)
def test_damaged_split_is_named(tmp_path, refused, content):
    path = tmp_path / "split.json"
    if content is not None:
        path.write_text(content)
    with refused(ArtefactError, path, "not a split of version 1") as caught:
        Split.load(path)
    assert caught.value.exit_code == 5


def test_full_disk_keeps_the_old_split(tmp_path, monkeypatch, refused):
    path = tmp_path / "split.json"
    Split({"train": np.array([0])}, 1, "").save(path)
    kind = type(path)

    def full(self, text):
        kind.write_bytes(self, text[:5].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kind, "write_text", full)
    with refused(DataError, path, "No space left", hint="Free disk space"):
        Split({"train": np.array([0])}, 2, "").save(path)
    assert json.loads(path.read_bytes())["seed"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["split.json"]


@settings(deadline=None)
@given(st.lists(st.text("ab1", min_size=1), min_size=2, max_size=8, unique=True))
def test_changed_data_are_noticed(names):
    ids = np.array(names)
    split = Split({"train": np.arange(len(ids))}, 0, fingerprint(ids))
    split.check_ids(ids)
    split.check_ids(ids.astype(object))
    for changed in (
        ids[:-1],
        ids[::-1],
        np.array([*names, "x"]),
        ids.astype("U9") + "'",
    ):
        with pytest.raises(DataError, match=f"{len(ids)} expected") as caught:
            split.check_ids(changed)
        assert "new run" in caught.value.hint

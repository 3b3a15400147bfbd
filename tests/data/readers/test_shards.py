import numpy as np
import pytest

from keras_astro.data.readers import open_many
from keras_astro.data.readers.shards import expand
from keras_astro.data.sample import MemorySource, Sample
from keras_astro.data.schemas import LENSING
from keras_astro.data.store import write_parts
from keras_astro.errors import DataError, UsageError

FACTS = {"generator": "test", "config": {}, "seed": 0}


@pytest.fixture
def rows():
    image = np.random.default_rng(0).normal(size=(25, 4, 4, 1)).astype("float32")
    return MemorySource(Sample(LENSING, {"image": image}))


def test_parts_are_one_data_set(rows, tmp_path):
    folder = tmp_path / "parts"
    assert write_parts(folder, rows, 2, **FACTS) == 25
    names = [path.name for path in expand(folder)]
    assert names == [f"part-{i:05}.h5" for i in range(13)]
    for path in (folder, folder / "part-*.h5"):
        found = open_many([path], LENSING)
        image = found.take(np.arange(25)).inputs["image"]
        np.testing.assert_array_equal(image, rows.read().inputs["image"])
    assert len(open_many([folder / "part-0000?.h5"], LENSING)) == 20


def test_numbers_are_ordered_as_numbers(tmp_path):
    for number in (10, 9, 100):
        (tmp_path / f"p{number}.h5").touch()
    assert [path.name for path in expand(tmp_path)] == ["p9.h5", "p10.h5", "p100.h5"]


def test_what_is_no_set_of_shards_stands_for_itself(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b.h5").touch()
    (tmp_path / "odd[1].h5").touch()
    for path in (tmp_path, tmp_path / "odd[1].h5", tmp_path / "absent.h5"):
        assert expand(path) == [path]


def test_a_pattern_of_nothing_is_refused(tmp_path, refused):
    with refused(DataError, "no file matches"):
        open_many([tmp_path / "part-*.h5"], LENSING)


def test_parts_do_not_mix_with_other_files(rows, tmp_path, refused):
    folder = tmp_path / "a"
    write_parts(folder, rows, 20, **FACTS)
    with refused(UsageError, "part-00000.h5", "exists already"):
        write_parts(folder, rows, 2, **FACTS)
    (folder / "notes.txt").touch()
    with refused(UsageError, "notes.txt"):
        write_parts(folder, rows, 20, overwrite=True, **FACTS)
    with refused(UsageError, "found a file"):
        write_parts(folder / "notes.txt", rows, 20, overwrite=True, **FACTS)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_parts_are_replaced_all_at_once(rows, tmp_path):
    folder = tmp_path / "a"
    write_parts(folder, rows, 2, **FACTS)
    # As a kill left it when parts were written where they stay.
    (folder / ".part-00013.h5.4711.partial").touch()
    write_parts(folder, rows, 20, overwrite=True, **FACTS)
    assert sorted(p.name for p in folder.iterdir()) == [
        "part-00000.h5",
        "part-00001.h5",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert len(open_many([folder], LENSING)) == 25


class Breaking(MemorySource):
    """Rows of which the last ones cannot be read."""

    def take(self, indices):
        if np.max(indices) > 20:
            raise DataError("no more rows")
        return super().take(indices)


def test_parts_that_come_to_no_end_are_not_seen(rows, tmp_path, refused):
    folder = tmp_path / "deep" / "a"
    broken = Breaking(rows.read())
    with refused(DataError, "no more rows"):
        write_parts(folder, broken, 5, **FACTS)
    assert list(folder.parent.iterdir()) == []
    write_parts(folder, rows, 5, **FACTS)
    with refused(DataError, "no more rows"):
        write_parts(folder, broken, 25, overwrite=True, **FACTS)
    assert len(open_many([folder], LENSING)) == 25
    assert list(folder.parent.iterdir()) == [folder]
    with refused(DataError, "no rows"):
        write_parts(tmp_path / "b", MemorySource(rows.read().rows(0, 0)), 5, **FACTS)

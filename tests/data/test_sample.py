import numpy as np
import pytest

from keras_astro.data.sample import (
    Field,
    MemorySource,
    Sample,
    Schema,
    Subset,
    concatenate,
)
from keras_astro.errors import DataError

SCHEMA = Schema(
    "demo",
    (Field("flux", ("wavelength",), optional=False),),
    (Field("is_anomaly", dtype="uint8"), Field("logg", units="dex")),
)


def sample(rows=6, **targets):
    flux = np.arange(rows * 3, dtype="float32").reshape(rows, 3)
    return Sample(SCHEMA, {"flux": flux}, targets, name="stars.h5")


@pytest.mark.parametrize(
    ("inputs", "targets", "words"),
    [
        ({}, {}, "expected inputs, found no input arrays"),
        ({"flux": np.ones((3, 2))}, {"logg": np.ones(4)}, "row counts"),
        ({"other": np.ones((3, 2))}, {}, "inputs/flux is missing, found other"),
        ({"flux": np.ones(3)}, {}, "axes (row, wavelength), found shape (3,)"),
        ({"flux": np.ones((3, 2))}, {"logg": np.ones((3, 1))}, "axes (row)"),
        ({"flux": np.ones((3, 2))}, {"logg": np.float32(1)}, "row counts"),
        ({"flux": np.float32(1)}, {}, "found shape ()"),
    ],
)
def test_impossible_rows_are_refused(refused, inputs, targets, words):
    with refused(DataError, "stars.h5", words) as caught:
        Sample(SCHEMA, inputs, targets, name="stars.h5")
    assert caught.value.exit_code == 4
    assert caught.value.hint


def test_names_and_groups_have_defaults():
    assert sample(3).meta["id"].tolist() == ["0", "1", "2"]
    meta = {"id": np.array(["a", "b"])}
    named = Sample(SCHEMA, {"flux": np.ones((2, 2))}, meta=meta)
    assert named.meta["group"].tolist() == ["a", "b"]
    assert list(meta) == ["id"]


def test_rows_stay_together():
    whole = sample(6, logg=np.arange(6.0))
    found = whole.take([4, 1])
    assert found.inputs["flux"][:, 0].tolist() == [12, 3]
    assert found.targets["logg"].tolist() == [4, 1]
    assert found.meta["id"].tolist() == ["4", "1"]
    assert np.shares_memory(whole.rows(1, 3).inputs["flux"], whole.inputs["flux"])
    assert whole.rows(4, 99).meta["group"].tolist() == ["4", "5"]


def test_source_gives_blocks_and_facts():
    source = MemorySource(sample(7, is_anomaly=np.array([0, 1, 0, 0, 1, 1, 0])))
    assert [len(block) for block in source.blocks(3)] == [3, 3, 1]
    assert source.facts()["is_anomaly"].tolist() == [0, 1, 0, 0, 1, 1, 0]
    assert source.read(5, 100).meta["id"].tolist() == ["5", "6"]
    unlabelled = MemorySource(sample(4)).facts()
    assert unlabelled["is_anomaly"].tolist() == [0, 0, 0, 0]


def test_part_shows_its_rows_alone():
    source = MemorySource(sample(7, is_anomaly=np.array([0, 1, 0, 0, 1, 1, 0])))
    part = Subset(Subset(source, [6, 4, 2, 0]), [1, 3])
    assert len(part) == 2
    assert part.read().meta["id"].tolist() == ["4", "0"]
    assert part.take([1]).meta["id"].tolist() == ["0"]
    facts = part.facts()
    assert (facts["id"].tolist(), facts["is_anomaly"].tolist()) == (["4", "0"], [1, 0])


def test_joining_keeps_shared_fields():
    joined = concatenate([sample(2, logg=np.ones(2)), sample(3)])
    assert len(joined) == 5
    assert joined.targets == {}
    assert joined.meta["id"].tolist() == ["0", "1", "0", "1", "2"]

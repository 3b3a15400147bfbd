"""Pickles through `kastro data convert`: arrays become a store, programs do not run."""

import os
import pickle

import numpy as np
import pytest

from keras_astro.data.store import StoreSource
from keras_astro.tasks.catalog import schema

TRUSTED = "--from-pickle", "--i-trust-this-file", "--task", "alerts", "-o", "a.h5"


class Program:
    """Runs a command of the shell when it is read."""

    def __reduce__(self):
        return os.system, ("touch ran",)


@pytest.fixture
def stamps():
    pixels = np.random.default_rng(0).normal(100, 5, (4, 9, 9, 3)).astype("f4")
    return {"images": pixels, "labels": np.array(["SN", "AGN", "VS", "bogus"])}


def test_stamps_become_a_store(kastro, tmp_path, stamps):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(stamps))
    kastro("data", "convert", "a.pkl", *TRUSTED, cwd=tmp_path).done()
    sample = StoreSource(tmp_path / "a.h5", schema("alerts")).read()
    np.testing.assert_array_equal(sample.inputs["stamps"], stamps["images"])
    assert sample.targets["label"].tolist() == stamps["labels"].tolist()


def test_a_group_is_chosen(kastro, tmp_path, stamps):
    pairs = {"Train": stamps, "Test": {k: v[:1] for k, v in stamps.items()}}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(pairs))
    convert = "data", "convert", "a.pkl", *TRUSTED
    kastro(*convert, cwd=tmp_path).refused(4, "a.pkl", "Test, Train", "--group")
    kastro(*convert, "--group", "Test", cwd=tmp_path).done()
    assert len(StoreSource(tmp_path / "a.h5", schema("alerts"))) == 1


def test_programs_are_refused_with_any_flag(kastro, tmp_path, stamps):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(stamps | {"x": Program()}))
    convert = "data", "convert", "a.pkl", *TRUSTED
    kastro(*convert, cwd=tmp_path).refused(4, "a.pkl", "system", "numpy.savez")
    kastro(*convert[:4], *TRUSTED[2:], cwd=tmp_path).refused(2, "--i-trust-this-file")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "a.h5").exists()


def test_what_is_no_stamp_set_is_told_by_the_name_of_the_pickle(kastro, tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"flux": np.ones(3)}))
    answer = kastro("data", "convert", "a.pkl", *TRUSTED, cwd=tmp_path)
    answer.refused(4, "a.pkl: expected an array named stamps, found flux")

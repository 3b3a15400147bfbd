"""Pickles: arrays come out, and nothing else runs."""

import pickle

import numpy as np
import pytest

from keras_astro.data.readers import pickles
from keras_astro.data.readers.pickles import read_pickle
from keras_astro.errors import DataError


class Program:
    """What runs a function of the attacker's choice when it is read."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_of_every_protocol(tmp_path, protocol):
    arrays = {
        "images": np.arange(24, dtype="f4").reshape(2, 3, 4),
        "labels": np.array([1, 0]),
        "Train": {"class": np.array(["SN", "AGN"])},
        "score": np.float64(0.5),
        "list": [1.0, 2.0],
    }
    file = tmp_path / "set.pkl"
    file.write_bytes(pickle.dumps(arrays, protocol=protocol))
    found = read_pickle(file)
    assert set(found) == {"images", "labels", "Train/class", "list"}
    np.testing.assert_array_equal(found["images"], arrays["images"])
    assert found["Train/class"].tolist() == ["SN", "AGN"]


def test_programs_do_not_run(tmp_path, refused):
    witness = tmp_path / "ran"
    file = tmp_path / "evil.pkl"
    for function, arguments in ((open, (str(witness), "w")), (eval, ("1 + 1",))):
        file.write_bytes(pickle.dumps({"a": Program(function, *arguments)}))
        with refused(DataError, "evil.pkl", "arrays alone", hint="numpy.savez"):
            read_pickle(file)
    assert not witness.exists()


def test_extension_codes_are_refused_before_the_file_is_read(tmp_path, refused):
    file = tmp_path / "code.pkl"
    file.write_bytes(b"\x80\x02\x82\x01.")
    with refused(DataError, "opcode EXT1"):
        read_pickle(file)


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x80\x04]q\x00."])
def test_damaged_and_empty(tmp_path, content, refused):
    file = tmp_path / "bad.pkl"
    file.write_bytes(content)
    with refused(DataError, "bad.pkl"):
        read_pickle(file)


def test_one_that_is_too_large_is_told_so(tmp_path, monkeypatch, refused):
    file = tmp_path / "large.pkl"
    file.write_bytes(pickle.dumps({"a": np.zeros(4000)}))
    monkeypatch.setattr(pickles, "MOST_BYTES", 1000)
    with refused(DataError, "large.pkl", "at most", "GiB", hint="several files"):
        read_pickle(file)

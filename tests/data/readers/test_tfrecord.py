import struct

import numpy as np
import pytest
import tensorflow as tf

from keras_astro.data.readers import open_many, open_source
from keras_astro.data.readers.tfrecord import masked_crc, parse_example
from keras_astro.data.schemas import CGM, LENSING
from keras_astro.errors import DataError


def feature(values):
    values = np.atleast_1d(values)
    if values.dtype.kind == "f":
        return tf.train.Feature(float_list=tf.train.FloatList(value=values.ravel()))
    if values.dtype.kind in "iu":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values.ravel()))
    texts = [str(value).encode() for value in values]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=texts))


def example(**named):
    features = {name.replace("__", "/"): feature(v) for name, v in named.items()}
    return tf.train.Example(features=tf.train.Features(feature=features))


def write(path, rows):
    with tf.io.TFRecordWriter(str(path)) as file:
        for row in rows:
            file.write(example(**row).SerializeToString())
    return path


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.normal(size=(7, 4, 5, 1)).astype("float32")


@pytest.fixture
def shards(tmp_path, images):
    """Seven images in two files, named as TensorFlow Datasets does."""
    rows = [
        {"image": x, "image__shape": x.shape, "id": f"lens {i}", "is_anomaly": i % 2}
        for i, x in enumerate(images)
    ]
    folder = tmp_path / "set"
    folder.mkdir()
    write(folder / "lens.tfrecord-00000-of-00002", rows[:4])
    write(folder / "lens.tfrecord-00001-of-00002", rows[4:])
    return folder


def test_shards_of_images_are_one_data_set(shards, images):
    source = open_many([shards], LENSING)
    assert len(source) == 7
    found = source.take([6, 0, 3])
    np.testing.assert_array_equal(found.inputs["image"], images[[6, 0, 3]])
    assert found.meta["id"].tolist() == ["lens 6", "lens 0", "lens 3"]
    assert source.facts()["is_anomaly"].tolist() == [0, 1, 0, 1, 0, 1, 0]
    pattern = open_many([shards / "*-of-00002"], LENSING)
    np.testing.assert_array_equal(pattern.read().inputs["image"], images)
    assert len(source.take([])) == 0


def test_spectra_share_the_grid_that_each_record_repeats(tmp_path):
    rng = np.random.default_rng(1)
    flux = rng.uniform(size=(3, 6)).astype("float32")
    grid = np.linspace(1200, 1210, 6).astype("float32")
    rows = [{"flux": x, "wavelength": grid, "group": "star"} for x in flux]
    found = open_source(write(tmp_path / "a.tfrecords", rows), CGM).read()
    assert found.meta["group"].tolist() == ["star"] * 3
    np.testing.assert_array_equal(found.inputs["flux"], flux)
    np.testing.assert_allclose(found.axes["wavelength_angstrom"], grid)
    assert found.meta["id"].tolist() == ["0", "1", "2"]


def test_examples_are_parsed_as_tensorflow_does():
    numbers = np.array([0, 1, 127, 128, 300, 2**40, 2**63 - 1, -1, -(2**63)])
    made = example(n=numbers, x=np.array([1.5, -2.0]), t=["a", "b"], none=np.zeros(0))
    found = parse_example(memoryview(made.SerializeToString()))
    np.testing.assert_array_equal(found["n"], numbers)
    np.testing.assert_array_equal(found["x"], [1.5, -2.0])
    assert found["t"] == [b"a", b"b"]
    assert len(found["none"]) == 0


def test_checksums_are_those_of_the_format(tmp_path):
    path = write(tmp_path / "a.tfrecord", [{"x": np.ones(3)}])
    head = path.read_bytes()[:12]
    assert masked_crc(head[:8]) == struct.unpack("<I", head[8:])[0]


def test_damage_is_told(shards, tmp_path, refused):
    whole = (shards / "lens.tfrecord-00000-of-00002").read_bytes()
    bad = tmp_path / "bad.tfrecord"
    for content, words in (
        (whole[:-9], "cut off"),
        (whole[:-9] + b"12345678901234567890", "at byte"),
        (b"nothing like it at all", "at byte 0"),
        (whole[:20] + b"\xff" * 40 + whole[60:], "in record 0"),
        (b"\x1f\x8b" + whole, "compressed"),
        (b"", "empty"),
    ):
        bad.write_bytes(content)
        with refused(DataError, "bad.tfrecord", words):
            open_source(bad, LENSING)


def foreign_records():
    steps = tf.train.FeatureLists(
        feature_list={"image": tf.train.FeatureList(feature=[feature([1.0])])}
    )
    sequence = tf.train.SequenceExample(
        context=tf.train.Features(feature={"id": feature(["a"])}), feature_lists=steps
    )
    return {
        "sequence": sequence.SerializeToString(),
        "text": b"a line of text",
        "json": b'{"image": [1, 2, 3]}',
        "integer": bytes.fromhex("0805"),
        "integer for an entry": bytes.fromhex("0a020805"),
        "no name": bytes.fromhex("0a021200"),
        "large integer for a name": bytes.fromhex("0a08 0a06 08ffffffff7f"),
        "large integer for a text": bytes.fromhex("0a0f0a0d0a017812080a0608ffffffff7f"),
        "cut off": bytes.fromhex("0a"),
    }


@pytest.mark.parametrize("kind", foreign_records())
def test_a_record_that_is_no_example_is_told(kind, tmp_path, refused):
    path = tmp_path / "foreign.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as file:
        file.write(foreign_records()[kind])
    with refused(DataError, "foreign.tfrecord", "tf.train.Example", "in record 0"):
        open_source(path, LENSING)


def test_records_that_differ_are_told(tmp_path, refused):
    rows = [{"flux": np.ones(4), "wavelength": np.arange(1.0, 5.0)} for _ in range(3)]
    rows[2] = {"flux": np.ones(5), "wavelength": np.arange(1.0, 5.0)}
    source = open_source(write(tmp_path / "a.tfrecord", rows), CGM)
    words = "expected 4 values of flux", "found 5 in record 2"
    with refused(DataError, *words, hint="resample"):
        source.read()
    flat = [{"image": np.ones(6), "image__shape": [2, 2, 1]}]
    with refused(DataError, "[2, 2, 1] is not the shape of image"):
        open_source(write(tmp_path / "b.tfrecord", flat), LENSING)

"""What int8 cannot be made of is one refusal, not a traceback; a mistake is none."""

import keras
import numpy as np
import pytest

from keras_astro.data.sample import Subset
from keras_astro.errors import DataError, VerificationError
from keras_astro.exports import export, integers, tflite
from keras_astro.exports.flat_model import kernels, load
from keras_astro.exports.profiles import profile

INT8 = profile("tflite", "int8")
ROWS = {"x": np.ones((10, 16), "float32")}


@pytest.fixture(scope="module")
def content():
    x = keras.Input((16,), name="x")
    model = keras.Model({"x": x}, {"y": keras.layers.Dense(16)(x)})
    return tflite.convert({"predict": model}, quantize="none", rows={})


@pytest.mark.parametrize(
    ("message", "said"),
    [("failed to prepare: node 3\nmore", "node 3"), ("", "Runtime")],
)
def test_a_file_that_the_runtime_cannot_run(
    content, monkeypatch, refused, message, said
):
    def fails(**_):
        raise RuntimeError(message)

    monkeypatch.setattr(integers, "Interpreter", fails)
    with refused(VerificationError, said, hint="float16") as caught:
        integers.to_integers(content, ROWS, INT8)
    assert caught.value.exit_code == 6


def test_weights_that_cannot_be_rounded(content, monkeypatch, refused):
    found = dict.fromkeys(kernels(load(content)), -np.eye(16))
    monkeypatch.setattr(integers, "moments_of", lambda *_: dict(found))
    with refused(VerificationError, "16 inputs", hint="float16"):
        integers.to_integers(content, ROWS, INT8)


def test_a_mistake_of_ours_is_not_taken_for_a_refusal(content, monkeypatch):
    def mistaken(*_):
        raise ValueError("operands could not be broadcast")

    monkeypatch.setattr(integers, "compensated", mistaken)
    with pytest.raises(ValueError, match="broadcast"):
        integers.to_integers(content, ROWS, INT8)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_rows_to_round_on(content, refused, count):
    rows = {"x": ROWS["x"][:count]}
    with refused(DataError, "at least 10", f"found {count}", hint="calibration_fra"):
        integers.to_integers(content, rows, INT8)


def test_a_run_without_calibration_rows(cgm_run, tmp_path, refused):
    parts = cgm_run.parts
    with refused(DataError, "at least 10 calibration rows", "found 0", hint="float16"):
        export.export_run(
            cgm_run.run,
            Subset(parts.calibration, []),
            parts.test,
            validation=parts.validation,
            fmt="tflite",
            quantize="int8",
            out_dir=tmp_path / "a",
            story=lambda _: None,
        )
    assert list(tmp_path.iterdir()) == []

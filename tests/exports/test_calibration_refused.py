"""What the converter cannot calibrate is one refusal, not a traceback."""

from unittest import mock

import keras
import pytest
import tensorflow as tf

from keras_astro.errors import VerificationError
from keras_astro.exports.tflite import convert


def test_integers_that_cannot_be_calibrated_are_refused(monkeypatch):
    inputs = {"x": keras.Input((2,), name="x")}
    model = keras.Model(inputs, {"y": keras.layers.Dense(1)(inputs["x"])})

    def fails():
        raise RuntimeError("Max and min should be recorded: tensor a\nmore")

    def opened(*args, **options):
        return mock.Mock(convert=fails)

    monkeypatch.setattr(tf.lite.TFLiteConverter, "from_saved_model", opened)
    with pytest.raises(VerificationError, match="tensor a") as caught:
        convert({"predict": model}, quantize="none", rows={})
    assert caught.value.exit_code == 6
    assert "float16" in caught.value.hint

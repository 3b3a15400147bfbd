"""What the runtime cannot run is one refusal, not a traceback."""

import keras
import numpy as np
import pytest

from keras_astro.errors import VerificationError
from keras_astro.exports import tflite


def test_integers_that_cannot_be_measured_are_refused(monkeypatch):
    inputs = {"x": keras.Input((2,), name="x")}
    model = keras.Model(inputs, {"y": keras.layers.Dense(1)(inputs["x"])})

    def fails(*_):
        raise RuntimeError("failed to prepare: node 3\nmore")

    monkeypatch.setattr(tflite, "_converted", lambda *_: b"")
    monkeypatch.setattr(tflite, "to_integers", fails)
    rows = {"x": np.zeros((1, 2))}
    with pytest.raises(VerificationError, match="node 3") as caught:
        tflite.convert({"predict": model}, quantize="int8", rows=rows)
    assert caught.value.exit_code == 6
    assert "float16" in caught.value.hint

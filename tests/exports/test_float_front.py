"""Integers behind layers that stay in float, because raw rows hold NaN and extremes."""

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_astro.errors import VerificationError
from keras_astro.exports.float_front import convert_behind
from keras_astro.exports.tflite import convert
from keras_astro.layers.classes import KnownFeatures
from keras_astro.layers.unit_rows import UnitRows


@pytest.fixture(scope="module")
def tabled():
    """A network of a table with unknown values, and rows of it."""
    rng = np.random.default_rng(0)
    rows = rng.normal(3e4, 2.0, (200, 6)).astype("float32")
    rows[::3, 1], rows[1::3, 4] = np.nan, 1e30
    keras.utils.set_random_seed(1)
    table = keras.Input((6,), name="table")
    known = KnownFeatures(name="known")
    known.set_reference([3e4] * 6, [2.0] * 6)
    x = keras.layers.Dense(16, "relu", name="hidden")(known(table))
    outputs = {"z": UnitRows(name="z")(keras.layers.Dense(4, name="code")(x))}
    return keras.Model({"table": table}, outputs), {"table": rows}


@pytest.fixture(scope="module")
def content(tabled):
    model, rows = tabled
    names = ("known", "of_other_models")
    return convert_behind(convert, model, front=names, quantize="int8", rows=rows)


def test_what_integers_cannot_hold_stays_in_float(tabled, content):
    model, rows = tabled
    runner = Interpreter(model_content=content).get_signature_runner("predict")
    found, wanted = runner(**rows)["z"], model.predict(rows, verbose=0)["z"]
    assert np.isfinite(found).all()
    assert np.sqrt(np.mean((found - wanted) ** 2)) < 0.03 * wanted.std()
    # Quantised as a whole, the scale of 1e30 leaves nothing of the rows.
    kinds = [d["dtype"] for d in runner.get_input_details().values()]
    assert kinds == [np.float32]
    types = {t.type for t in opened(content).subgraphs[0].tensors}
    assert {schema.TensorType.INT8, schema.TensorType.INT16} <= types


def test_joined_files_keep_names_and_alignment(content):
    model = opened(content)
    (signature,) = model.signatureDefs
    assert [entry.name for entry in signature.inputs] == [b"table"]
    assert [entry.name for entry in signature.outputs] == [b"z"]
    assert all(code.customCode is None for code in model.operatorCodes)
    packed = np.frombuffer(content, np.uint8)
    root = schema.Model.GetRootAs(packed, 0)
    buffers = [root.Buffers(i) for i in range(root.BuffersLength())]
    starts = [b.DataAsNumpy().ctypes.data for b in buffers if b.DataLength()]
    assert starts
    assert not any((start - packed.ctypes.data) % 16 for start in starts)


def test_inputs_that_pass_the_front_by_are_refused():
    table, other = keras.Input((3,), name="table"), keras.Input((3,), name="other")
    known = KnownFeatures(name="known")(table)
    joined = keras.layers.Concatenate(name="joined")([known, other])
    model = keras.Model({"table": table, "other": other}, {"z": joined})
    with pytest.raises(VerificationError, match="past known"):
        convert_behind(convert, model, front=("known",), quantize="int8", rows={})


def opened(content):
    return schema.ModelT.InitFromPackedBuf(content, 0)

"""What int8 says of itself: the share of weights and of products in integers."""

import keras
import numpy as np
import pytest

from keras_astro.exports.flat_model import load, pack
from keras_astro.exports.integer_shares import shares
from keras_astro.exports.integers import outputs_of, to_integers
from keras_astro.exports.profiles import profile
from keras_astro.exports.tflite import convert

NONE = {"weights": 0, "multiply_adds": 0}
RNG = np.random.default_rng(1)


def floats_and_integers(shape, build, change=lambda content: content):
    """Files in float32 and int8 of a small model, and its rows."""
    keras.utils.set_random_seed(0)
    x = keras.Input(shape, name="x")
    model = keras.Model({"x": x}, build(x))
    rows = {"x": RNG.normal(size=(12, *shape)).astype("float32")}
    content = change(convert({"predict": model}, quantize="none", rows={}))
    return content, to_integers(content, rows, profile("tflite", "int8")), rows


def test_depthwise_and_transposed_convolutions_count_as_floats():
    def build(x):
        x = keras.layers.Conv2D(16, 3, padding="same")(x)
        x = keras.layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
        return {"y": keras.layers.Conv2DTranspose(16, 3, 2)(x)}

    floats, made, _ = floats_and_integers((9, 9, 16), build)
    plain, depthwise, transposed = 9 * 16 * 16, 9 * 32, 9 * 32 * 16
    others = 49 * (depthwise + transposed)
    assert shares(floats) == NONE
    assert shares(made) == {
        "weights": pytest.approx(plain / (plain + depthwise + transposed)),
        "multiply_adds": pytest.approx(81 * plain / (81 * plain + others)),
    }


def test_a_dense_layer_counts_at_each_of_its_places():
    def build(x):
        x = keras.layers.Dense(64)(x)
        return {"y": keras.layers.Dense(4)(keras.layers.Flatten()(x))}

    _, made, _ = floats_and_integers((8, 32), build)
    wide, narrow = 32 * 64, 8 * 64 * 4
    assert shares(made) == {
        "weights": wide / (wide + narrow),
        "multiply_adds": 8 * wide / (8 * wide + narrow),
    }


def test_a_kernel_that_something_else_reads_stays_in_floats_and_counts():
    def build(x):
        return {"y": keras.layers.Dense(16)(keras.layers.Dense(64, "gelu")(x))}

    def read_the_last(content):
        model = load(content)
        (graph,) = model.subgraphs
        (kernel,) = (
            i for i, t in enumerate(graph.tensors) if list(t.shape) == [16, 64]
        )
        graph.outputs = np.append(graph.outputs, np.int32(kernel)).astype(np.int32)
        return pack(model)

    _, made, _ = floats_and_integers((32,), build, read_the_last)
    assert shares(made) == {"weights": 2 / 3, "multiply_adds": 2 / 3}


def test_a_file_without_layers_has_nothing_in_integers():
    floats, made, _ = floats_and_integers((5,), lambda x: {"y": 2 * x})
    assert shares(floats) == shares(made) == NONE


def test_convolutions_in_groups_stay_in_floats():
    def build(x):
        return {"y": keras.layers.Conv2D(32, 3, groups=2)(x)}

    floats, made, rows = floats_and_integers((9, 9, 32), build)
    assert shares(made) == NONE
    found, wanted = outputs_of(made, rows), outputs_of(floats, rows)
    np.testing.assert_array_equal(found["predict/y"], wanted["predict/y"])

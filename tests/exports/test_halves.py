"""float16: what is rounded to 16 bits, and what is not."""

import keras
import numpy as np

from keras_astro.exports.flat_model import load
from keras_astro.exports.halves import FEWEST
from keras_astro.exports.integers import outputs_of
from keras_astro.exports.tflite import convert
from keras_astro.layers.pca import PrincipalComponents

HALF, FLOAT = 1, 0
ROWS = {"x": np.random.default_rng(1).normal(size=(20, 96)).astype("float32")}


def network(scale=1.0):
    """A large layer with its bias, then a small one."""
    keras.utils.set_random_seed(0)
    x = keras.Input((96,), name="x")
    options = {"bias_initializer": "normal"}
    hidden = keras.layers.Dense(64, "tanh", name="large", **options)(x)
    y = keras.layers.Dense(8, name="small", **options)(hidden)
    model = keras.Model({"x": x}, {"y": y})
    layer = model.get_layer("large")
    layer.kernel.assign(layer.kernel * scale)
    return model


def stored(content):
    """Type and shape of every constant that is floats, each once."""
    model, found = load(content), {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if model.buffers[tensor.buffer].data is not None:
                found[tensor.buffer] = (tensor.type, tuple(map(int, tensor.shape)))
    return sorted(entry for entry in found.values() if entry[0] in (HALF, FLOAT))


def test_large_kernels_are_rounded_once_for_all_signatures_and_nothing_else_is():
    model = network()
    hidden = keras.Model(model.input, {"h": model.get_layer("large").output})
    content = convert({"predict": model, "hidden": hidden}, quantize="float16", rows={})
    assert 96 * 64 >= FEWEST > 64 * 8
    assert stored(content) == [
        *((FLOAT, (8,)), (FLOAT, (8, 64)), (FLOAT, (64,))),
        (HALF, (64, 96)),
    ]
    kernel = model.get_layer("large").kernel
    kernel.assign(np.asarray(kernel).astype("float16"))
    wanted = model.predict(ROWS, verbose=0)["y"]
    found = outputs_of(content, ROWS)
    np.testing.assert_allclose(found["predict/y"], wanted, rtol=1e-5, atol=1e-6)
    assert found["hidden/h"].shape == (20, 64)


def test_numbers_beyond_those_of_16_bits_stay_as_they_are():
    model = network(scale=1e6)
    content = convert({"predict": model}, quantize="float16", rows={})
    assert HALF not in [kind for kind, _ in stored(content)]
    found = outputs_of(content, ROWS)["predict/y"]
    wanted = model.predict(ROWS, verbose=0)["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_a_basis_is_stored_once_for_each_direction():
    layer = PrincipalComponents(16, (700,), name="components")
    x = keras.Input((700,), name="x")
    z = layer(x)
    layer.scale.assign(3.0)
    drawn = layer(keras.layers.Dense(16, name="decoder")(z), inverse=True)
    model = keras.Model({"x": x}, {"z": z, "y": drawn, "x_": layer(z, inverse=True)})
    content = convert({"predict": model}, quantize="float16", rows={})
    halves = [shape for kind, shape in stored(content) if kind == HALF]
    assert halves == [(16, 512), (700, 16)]
    rows = {"x": np.random.default_rng(0).normal(size=(9, 700)).astype("float32")}
    found, wanted = outputs_of(content, rows), model.predict(rows, verbose=0)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[f"predict/{name}"], value, atol=2e-2)

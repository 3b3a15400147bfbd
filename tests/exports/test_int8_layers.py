"""Which layers int8 leaves in floats, and what it says of itself."""

import dataclasses
import tracemalloc

import keras
import numpy as np
import pytest

from keras_astro.exports.flat_model import kernels, load
from keras_astro.exports.integer_shares import shares
from keras_astro.exports.integers import (
    MARGIN,
    largest_excess,
    merit_excess,
    outputs_of,
    to_integers,
)
from keras_astro.exports.layer_inputs import moments_of
from keras_astro.exports.profiles import profile
from keras_astro.exports.tflite import convert
from keras_astro.tasks.catalog import get_task, schema

INT8 = profile("tflite", "int8")
ROWS = {"x": np.random.default_rng(1).normal(size=(40, 32)).astype("float32")}
IMAGES = {"x": np.random.default_rng(2).normal(size=(6, 9, 9, 2)).astype("float32")}


def floats(shape, build):
    """A file in float32 of a small model, and the model."""
    keras.utils.set_random_seed(0)
    x = keras.Input(shape, name="x")
    model = keras.Model({"x": x}, build(x))
    rows = {"x": np.zeros((1, *shape), "float32")}
    return convert({"predict": model}, quantize="none", rows=rows), model


def two_layers(x):
    hidden = keras.layers.Dense(64, "gelu", name="hidden")(x)
    return {"y": keras.layers.Dense(16, name="head")(hidden)}


def difference(x):
    """A small difference of two large numbers, both of which come from one layer."""
    found = keras.layers.Dense(32, name="large")(x)
    other = keras.layers.Dense(32, name="small", use_bias=False)(x)
    return {"y": 1e4 * found + other - 1e4 * found, "z": other}


def test_all_layers_multiply_integers_where_outputs_allow_it():
    content, model = floats((32,), two_layers)
    made = to_integers(content, ROWS, INT8)
    assert shares(content) == {"weights": 0, "multiply_adds": 0}
    assert shares(made) == {"weights": 1, "multiply_adds": 1}
    weights = 32 * 64 + 64 * 16
    assert len(made) < len(content) - 2.5 * weights
    wanted = {"predict/y": model.predict(ROWS, verbose=0)["y"]}
    assert 0 < largest_excess(outputs_of(made, ROWS), wanted, INT8) < 0.1


def test_a_layer_that_integers_spoil_keeps_its_weights_and_goes_back_to_floats():
    content, model = floats((32,), difference)
    strict = dataclasses.replace(INT8, part_tolerance=0.01)
    made = to_integers(content, ROWS, strict)
    found = shares(made)
    assert found["weights"] == 1
    assert found["multiply_adds"] < 1
    loose = to_integers(content, ROWS, INT8)
    assert shares(loose)["multiply_adds"] > found["multiply_adds"]
    wanted = outputs_of(content, ROWS)
    assert largest_excess(outputs_of(made, ROWS), wanted, INT8) < largest_excess(
        outputs_of(loose, ROWS), wanted, INT8
    )


def test_narrow_layers_stay_in_floats():
    def build(x):
        code = keras.layers.Dense(3, name="code")(x)
        return {"y": keras.layers.Dense(64, name="out")(code)}

    content, _ = floats((32,), build)
    assert shares(to_integers(content, ROWS, INT8)) == {
        "weights": 0,
        "multiply_adds": 0,
    }


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2])
def test_what_a_convolution_sees_is_what_it_multiplies(padding, strides):
    def build(x):
        layer = keras.layers.Conv2D(
            16, 3, strides, padding=padding, use_bias=False, name="c"
        )
        return {"y": layer(x)}

    content, model = floats((9, 9, 2), build)
    (key, kernel), = kernels(load(content)).items()  # fmt: skip
    # The mean square of an output is w^T M w; of all places, not of some.
    probes = {f"predict/probe:0:{int(load(content).subgraphs[0].inputs[0])}": None}
    blocks = [dict.fromkeys(probes, np.repeat(IMAGES["x"], 60, axis=0))]
    moments = moments_of(load(content), {key: kernel}, blocks)[key]
    weights = np.moveaxis(np.asarray(model.get_layer("c").kernel), -1, 0)
    weights = weights.reshape(16, -1)
    wanted = np.mean(model.predict(IMAGES, verbose=0)["y"] ** 2, axis=(0, 1, 2))
    found = np.einsum("oi,ij,oj->o", weights, moments, weights)
    np.testing.assert_allclose(found, wanted, rtol=0.1)


def test_outputs_that_are_not_finite_are_never_near_enough():
    wanted = {"predict/y": np.ones((3, 2)), "predict/p_value": np.ones(3)}
    assert largest_excess(wanted, wanted, INT8) == 0
    for name, value in wanted.items():
        for wrong in (np.nan, np.inf):
            found = value.copy()
            found[1] = wrong
            excess = largest_excess(wanted | {name: found}, wanted, INT8)
            assert excess == np.inf, (name, wrong)


def test_a_layer_whose_integers_give_nan_goes_back_to_floats():
    # Weights are whole numbers, so that no rounding changes them. Every output is
    # hardly above zero for some row, and its root is taken.
    kernel = np.random.default_rng(4).integers(-127, 128, (32, 64)).astype("float32")
    kernel[0] = 127
    bias = 0.1 - (ROWS["x"] @ kernel).min(axis=0)

    def build(x):
        above = keras.layers.Dense(
            64,
            kernel_initializer=lambda *_, **__: kernel,
            bias_initializer=lambda *_, **__: bias,
        )(x)
        other = keras.layers.Dense(32, name="other")(x)
        return {"y": keras.ops.sqrt(above), "z": other}

    content, _ = floats((32,), build)
    assert np.isfinite(outputs_of(content, ROWS)["predict/y"]).all()
    made = to_integers(content, ROWS, INT8)
    assert np.isfinite(outputs_of(made, ROWS)["predict/y"]).all()
    assert shares(made) == {"weights": 1, "multiply_adds": pytest.approx(1 / 3)}


def test_moments_of_all_kernels_are_held_once():
    def build(x):
        return {f"y{i}": keras.layers.Dense(16)(x + float(i)) for i in range(6)}

    content, _ = floats((512,), build)
    model = load(content)
    found = kernels(model)
    seen = np.ones((4, 512), "float32")
    names = {
        f"predict/probe:{number}:{model.subgraphs[number].operators[i].inputs[0]}": seen
        for kernel in found.values()
        for number, i in kernel.uses
    }
    tracemalloc.start()
    moments = moments_of(model, found, [names])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    held = sum(value.nbytes for value in moments.values())
    assert len(moments) == 6
    assert peak < 1.5 * held


def test_a_merit_that_integers_would_lose_keeps_the_layer_that_it_needs_in_floats():
    # Weights of `y` are whole numbers, so that in floats it has no error at all.
    kernel = np.random.default_rng(4).integers(-127, 128, (32, 64)).astype("float32")
    kernel[0] = 127

    def build(x):
        exact = keras.layers.Dense(64, kernel_initializer=lambda *_, **__: kernel)
        return {"y": exact(x), "z": keras.layers.Dense(32, name="other")(x)}

    content, model = floats((32,), build)
    wanted = outputs_of(content, ROWS)
    plain = to_integers(content, ROWS, INT8)
    assert shares(plain)["multiply_adds"] == 1
    worst = np.mean((outputs_of(plain, ROWS)["predict/y"] - wanted["predict/y"]) ** 2)

    def merit(truth, outputs):
        # Integers lose four times what is allowed, which is twice the error.
        lost = np.mean((outputs["y"] - truth["y"]) ** 2) / worst
        return {"merit": float(1 - 4 * INT8.merit_loss * lost)}

    assert largest_excess(outputs_of(plain, ROWS), wanted, INT8) < MARGIN
    lost = merit_excess(outputs_of(plain, ROWS), wanted, merit, INT8)
    assert lost == pytest.approx(2)
    options = {"quantize": "int8", "rows": ROWS, "merit": merit}
    made = convert({"predict": model}, **options)
    assert shares(made) == {"weights": 1, "multiply_adds": pytest.approx(1 / 3)}
    assert merit_excess(outputs_of(made, ROWS), wanted, merit, INT8) < MARGIN


@pytest.mark.parametrize("wrong", [np.nan, -np.inf])
def test_a_merit_that_is_not_finite_is_never_near_enough(wrong):
    answers = {"predict/y": np.ones(3)}
    merits = iter([{"a": 1.0, "b": 1.0}, {"a": 1.0, "b": wrong}])
    assert merit_excess(answers, answers, lambda *_: next(merits), INT8) == np.inf


@pytest.mark.parametrize("case", ["stellar", "galaxies"])
def test_answers_of_a_file_are_truth_enough_for_a_merit(case):
    merit, rng = get_task(case).merit, np.random.default_rng(0)
    names = [field.name for field in schema(case).targets]
    truth = {f"predict/{name}": rng.normal(size=30) for name in names}
    assert merit_excess(truth, truth, merit, INT8) == 0
    for name, value in truth.items():
        other = truth | {name: value + 0.1 * value.std()}
        # A hundredth of the variance is lost.
        excess = merit_excess(other, truth, merit, INT8)
        assert excess in (0, pytest.approx((0.01 / INT8.merit_loss) ** 0.5)), name
    moved = {name: value + value.std() for name, value in truth.items()}
    assert merit_excess(moved, truth, merit, INT8) == pytest.approx(
        INT8.merit_loss**-0.5
    )

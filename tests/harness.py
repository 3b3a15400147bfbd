"""What every registered class must do, checked on one small example of each.

Examples stand in `tests/examples/AREA.py`, each with `EXAMPLES: dict[str, Example]` by
class name. A registered class without an example fails `test_harness.py` by name.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import pkgutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

FOLDER = Path(__file__).parent / "examples"
BATCH = 3

# Reasons that hold for a whole kind of class.
LOSS = {
    "saved_model": "a loss is no part of an exported graph",
    "tflite": "a loss is no part of an exported graph",
}
TRAINING_ONLY = {
    "saved_model": "training alone needs it; what is exported leaves it out",
    "tflite": "training alone needs it; what is exported leaves it out",
}


@dataclass(frozen=True)
class Example:
    """One registered class, ready to be tried.

    Args:
        make: From `shapes` to a new object of the class.
        shapes: Shapes of the inputs without the batch: a tuple, or a list or dict of
            them where the class takes several. Of a loss: `[y_true, y_pred]`.
        odd: Other shapes that must work as well: odd, prime or unequal sizes.
        draw: From a shape with the batch and a generator to an input's values.
        options: Further arguments of each call.
        exempt: Name of a check to the reason why the class is not held to it.
        half: Largest error of mixed bfloat16, root mean square over that of the output.
    """

    make: Callable[[Any], Any]
    shapes: Any
    odd: tuple = ()
    draw: Callable = lambda shape, rng: rng.normal(size=shape)
    options: Mapping[str, Any] = field(default_factory=dict)
    exempt: Mapping[str, str] = field(default_factory=dict)
    half: float = 0.03


def collect() -> dict[str, Example]:
    """The examples of all areas, by class name.

    Raises:
        ValueError: If two areas have an example of the same class.
    """
    found: dict[str, Example] = {}
    for module in pkgutil.iter_modules([str(FOLDER)]):
        path = FOLDER / f"{module.name}.py"
        spec = importlib.util.spec_from_file_location(f"examples_{module.name}", path)
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        twice = found.keys() & loaded.EXAMPLES.keys()
        if twice:
            raise ValueError(f"{path}: examples given before: {sorted(twice)}")
        found |= loaded.EXAMPLES
    return found


def is_shape(x) -> bool:
    return isinstance(x, tuple) and all(isinstance(side, int) for side in x)


def over_shapes(function: Callable, shapes):
    """Applies a function to each shape of a nest of them."""
    if is_shape(shapes):
        return function(shapes)
    if isinstance(shapes, Mapping):
        return {name: over_shapes(function, shape) for name, shape in shapes.items()}
    return [over_shapes(function, shape) for shape in shapes]


def values(example: Example, shapes=None, batch: int = BATCH, seed: int = 0):
    """Inputs drawn with a seed, as float32 tensors."""
    rng = np.random.default_rng(seed)
    return over_shapes(
        lambda shape: tf.constant(example.draw((batch, *shape), rng), tf.float32),
        example.shapes if shapes is None else shapes,
    )


def call(thing, inputs, **options) -> list[tf.Tensor]:
    """Outputs of a layer, model or loss as a flat list of tensors."""
    if isinstance(thing, keras.losses.Loss):
        return [thing(*inputs)]
    return [
        tf.convert_to_tensor(x) for x in keras.tree.flatten(thing(inputs, **options))
    ]


def made(example: Example, shapes=None, seed: int = 0):
    """A built object whose weights are all away from their initial values."""
    keras.utils.set_random_seed(seed)
    shapes = example.shapes if shapes is None else shapes
    thing = example.make(shapes)
    call(thing, values(example, shapes), **example.options)
    disturb(thing, seed)
    return thing


def disturb(thing, seed: int = 0) -> None:
    """Moves every weight a little, so that a lost one is seen."""
    rng = np.random.default_rng(seed)
    for weight in getattr(thing, "weights", ()):
        value = keras.ops.convert_to_numpy(weight)
        if np.issubdtype(value.dtype, np.floating) or value.dtype == "bfloat16":
            step = rng.uniform(0.05, 0.1, value.shape).astype("float32")
            weight.assign(value.astype("float32") + step)
        else:
            weight.assign(value + 1)


def objective(thing, inputs, options) -> tf.Tensor:
    """A number to which every entry of every output adds, and every loss."""
    more = dict(options)
    if isinstance(thing, keras.layers.Layer) and thing._call_has_training_arg:
        more["training"] = True
    rng = np.random.default_rng(1)
    total = 0.0
    for output in call(thing, inputs, **more):
        if output.dtype.is_floating:
            output = tf.cast(output, tf.float32)
            total += tf.reduce_sum(output * rng.uniform(0.5, 1.5, output.shape))
    return total + sum(tf.cast(x, tf.float32) for x in getattr(thing, "losses", ()))


def check_gradient(example: Example) -> None:
    """Reaches every trainable weight; without weights, the inputs."""
    thing, inputs = made(example), values(example)
    weights = getattr(thing, "trainable_weights", [])
    watched = [w.value for w in weights] or keras.tree.flatten(inputs)
    if isinstance(thing, keras.losses.Loss):
        watched = watched[1:]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        loss = objective(thing, inputs, example.options)
    names = [w.path for w in weights] or [f"input {i}" for i in range(len(watched))]
    for name, gradient in zip(names, tape.gradient(loss, watched), strict=True):
        assert gradient is not None, f"no gradient reaches {name}"
        gradient = tf.convert_to_tensor(gradient)
        assert np.isfinite(gradient).all(), f"gradient of {name} is not finite"
        assert np.abs(gradient).max() > 0, f"gradient of {name} is zero everywhere"


def check_rows_alone(example: Example, shapes=None) -> None:
    """A batch of one works, and a row does not depend on its neighbours."""
    shapes = example.shapes if shapes is None else shapes
    thing, inputs = made(example, shapes), values(example, shapes)
    whole = call(thing, inputs, **example.options)
    one = call(
        thing, keras.tree.map_structure(lambda x: x[:1], inputs), **example.options
    )
    for alone, among in zip(one, whole, strict=True):
        assert np.isfinite(alone).all()
        if among.shape.rank:  # a loss is one number for all rows
            assert among.shape[0] == BATCH
            np.testing.assert_allclose(alone, among[:1], rtol=2e-5, atol=2e-6)


def check_odd_sizes(example: Example) -> None:
    """Other sizes work, and the symbolic shapes are those of the values."""
    assert example.odd, "give other sizes, or exempt the class from odd_sizes"
    for shapes in (example.shapes, *example.odd):
        check_rows_alone(example, shapes)
        thing = made(example, shapes)
        if isinstance(thing, keras.losses.Loss):
            continue
        symbols = over_shapes(lambda shape: keras.KerasTensor((None, *shape)), shapes)
        spec = thing.compute_output_spec(symbols, **example.options)
        found = call(thing, values(example, shapes), **example.options)
        for symbol, value in zip(keras.tree.flatten(spec), found, strict=True):
            assert tuple(symbol.shape[1:]) == tuple(value.shape[1:])


@contextlib.contextmanager
def policy(name: str):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def check_half(example: Example) -> None:
    """Mixed bfloat16 gives nearly the same, with finite losses and gradients."""
    inputs = values(example)
    full = made(example)
    with policy("mixed_bfloat16"):
        half = made(example)
        for low, high in zip(
            getattr(half, "weights", ()), getattr(full, "weights", ()), strict=True
        ):
            low.assign(high)
        found = call(half, inputs, **example.options)
        with tf.GradientTape() as tape:
            loss = objective(half, inputs, example.options)
        weights = [w.value for w in getattr(half, "trainable_weights", ())]
        gradients = tape.gradient(loss, weights)
    assert np.isfinite(loss)
    for gradient in gradients:
        assert gradient is None or np.isfinite(np.asarray(gradient, "float32")).all()
    for low, high in zip(found, call(full, inputs, **example.options), strict=True):
        low, high = np.asarray(low, "float32"), np.asarray(high, "float32")
        error = np.sqrt(np.mean((low - high) ** 2))
        scale = np.sqrt(np.mean(high**2))
        assert error <= example.half * scale, f"error {error:.2g} of {scale:.2g}"


def check_jit(example: Example) -> None:
    """XLA gives the same outputs and losses, and compiles a training step."""
    thing, inputs = made(example), values(example)

    def run():
        outputs = call(thing, inputs, **example.options)
        losses = getattr(thing, "losses", ()) if applies(example, "jit_losses") else ()
        return outputs, list(losses)

    def step():
        with tf.GradientTape() as tape:
            loss = objective(thing, inputs, example.options)
        weights = [w.value for w in getattr(thing, "trainable_weights", ())]
        return loss, tape.gradient(loss, weights)

    for slow, quick in zip(run(), tf.function(run, jit_compile=True)(), strict=True):
        for wanted, found in zip(slow, quick, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-5)
    loss, _ = tf.function(step, jit_compile=True)()
    assert np.isfinite(loss)


# Checks of one example on its own; the others share one process or one conversion.
CHECKS = {
    "gradient": check_gradient,
    "rows_alone": check_rows_alone,
    "odd_sizes": check_odd_sizes,
    "half": check_half,
    "jit": check_jit,
}
SHARED_CHECKS = ("round_trip", "saved_model", "tflite")
# Part of the check of XLA, from which a loss with random draws has to be exempt.
PARTS = ("jit_losses",)


def applies(example: Example, check: str) -> bool:
    return check not in example.exempt


def as_model(example: Example, name: str) -> keras.Model:
    """A functional model with named inputs and outputs around a disturbed layer."""
    layer = made(example)
    count = itertools.count()
    symbols = over_shapes(
        lambda shape: keras.Input(shape, name=f"in_{next(count)}"), example.shapes
    )
    outputs = keras.tree.flatten(layer(symbols, **example.options))
    return keras.Model(
        {x.name: x for x in keras.tree.flatten(symbols)},
        {f"out_{i}": x for i, x in enumerate(outputs)},
        name=name,
    )


def named_values(example: Example) -> dict[str, np.ndarray]:
    flat = keras.tree.flatten(values(example))
    return {f"in_{i}": np.asarray(x) for i, x in enumerate(flat)}


def check_layer(example: Example) -> None:
    """All checks of one class that need no export."""
    for name, check in CHECKS.items():
        if applies(example, name):
            check(example)


def check_model(model: keras.Model, inputs) -> None:
    """Round trip, batch of one, gradients and XLA of a model built from a function.

    Args:
        model: A built model.
        inputs: A batch of two rows or more, in the model's own structure.
    """
    disturb(model)
    before = [np.asarray(x) for x in call(model, inputs, training=False)]
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/m.keras")
        loaded = keras.models.load_model(f"{folder}/m.keras")
    for new, old in zip(call(loaded, inputs, training=False), before, strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-6, atol=1e-7)
    batch = len(keras.tree.flatten(inputs)[0])
    first = keras.tree.map_structure(lambda x: x[:1], inputs)
    for alone, among in zip(call(model, first, training=False), before, strict=True):
        assert among.shape[0] == batch
        np.testing.assert_allclose(alone, among[:1], rtol=2e-4, atol=2e-5)
    weights = [w.value for w in model.trainable_weights]
    with tf.GradientTape() as tape:
        loss = objective(model, inputs, {})
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, f"no gradient reaches {weight.name}"
        gradient = tf.convert_to_tensor(gradient)
        assert np.abs(gradient).max() > 0, f"gradient of {weight.name} is zero"
    fast = tf.function(lambda: call(model, inputs, training=False), jit_compile=True)()
    for quick, slow in zip(fast, before, strict=True):
        np.testing.assert_allclose(quick, slow, rtol=1e-3, atol=1e-4)


def check_loss_against(loss, reference: Callable, y_true, y_pred, *, rtol=1e-5) -> None:
    """A loss equals a reference, row by row, and survives its own config.

    Args:
        loss: The Keras loss.
        reference: From the same two arrays, in double precision, to `(batch,)`.
        y_true: `(batch, ...)`.
        y_pred: `(batch, ...)`.
        rtol: Relative tolerance.
    """
    double = [np.asarray(x, "float64") for x in (y_true, y_pred)]
    expected = np.asarray(reference(*double))
    tensors = [tf.constant(x, tf.float32) for x in double]
    np.testing.assert_allclose(loss.call(*tensors), expected, rtol=rtol, atol=1e-6)
    np.testing.assert_allclose(loss(*tensors), expected.mean(), rtol=rtol, atol=1e-6)
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    np.testing.assert_array_equal(again(*tensors), loss(*tensors))


def check_export(models: Mapping[str, keras.Model], inputs, folder: Path) -> None:
    """SavedModel and built-ins-only TFLite of models give what Keras gives.

    Args:
        models: Models with dict inputs and outputs, by signature name.
        inputs: For each, its named inputs.
        folder: An empty folder.
    """
    failed = {
        **saved_model_errors(models, inputs, folder / "1"),
        **tflite_errors(models, inputs),
    }
    failed = {name: error for name, error in failed.items() if error}
    assert not failed, failed


def difference(found: Mapping, wanted: Mapping) -> str:
    """What is wrong with named outputs; empty where nothing is."""
    for name, right in wanted.items():
        if name not in found:
            return f"no output {name}, found {sorted(found)}"
        right, value = np.asarray(right), np.asarray(found[name])
        if value.shape != right.shape:
            return f"{name}: shape {value.shape}, expected {right.shape}"
        if not np.allclose(value, right, rtol=1e-4, atol=1e-5):
            return f"{name}: differs by up to {np.abs(value - right).max():.3g}"
    return ""


def saved_model_errors(models, inputs, folder: Path) -> dict[str, str]:
    """Writes one SavedModel of all signatures; what is wrong with each."""
    from keras_astro.exports.saved_model import input_signature, serving, track

    archive = track(models)
    for name, model in models.items():
        archive.add_endpoint(name, serving(model), input_signature(model))
    archive.write_out(str(folder), verbose=False)
    loaded = tf.saved_model.load(str(folder))
    errors = {}
    for name, model in models.items():
        tensors = {k: tf.constant(v) for k, v in inputs[name].items()}
        found = loaded.signatures[name](**tensors)
        errors[name] = difference(found, model(tensors, training=False))
    return errors


def tflite_errors(models, inputs) -> dict[str, str]:
    """Converts all signatures at once, or each alone where that fails."""
    from keras_astro.errors import VerificationError
    from keras_astro.exports.tflite import convert

    try:
        return run_tflite(convert(models, quantize="none", rows={}), models, inputs)
    except VerificationError as error:
        if len(models) == 1:
            return {next(iter(models)): str(error)}
    errors: dict[str, str] = {}
    for name, model in models.items():
        errors |= tflite_errors({name: model}, inputs)
    return errors


def run_tflite(content: bytes, models, inputs) -> dict[str, str]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    errors = {}
    for name, model in models.items():
        runner = interpreter.get_signature_runner(name)
        found = runner(**inputs[name])
        errors[name] = difference(found, model(inputs[name], training=False))
    return errors

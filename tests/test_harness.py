"""Every registered class is tested because it exists."""

import json
import subprocess
import sys
from types import SimpleNamespace

import harness
import keras
import numpy as np
import pytest
from scipy import stats

from keras_astro import registry
from keras_astro.layers.physics import GaussianNegativeLogLikelihood
from keras_astro.models.autoencoder import (
    chain,
    conv_decoder,
    conv_encoder,
    dense_decoder,
    dense_encoder,
)

CLASSES = {
    name: cls
    for name, cls in registry.load_all().items()
    if cls.__module__ in registry.MODULES  # other tests may register their own
}
EXAMPLES = harness.collect()
SHARED = {name: EXAMPLES[name] for name in CLASSES if name in EXAMPLES}


def held_to(check):
    return [name for name, example in SHARED.items() if harness.applies(example, check)]


# Neither an optimiser nor a metric is called on inputs: their tests are their own.
ALONE = (keras.Optimizer, keras.Metric)
CALLED = [n for n, c in CLASSES.items() if not issubclass(c, ALONE)]


@pytest.mark.parametrize("name", CALLED)
def test_every_class_has_an_example(name):
    assert name in EXAMPLES, f"{name}: add an example to tests/examples"
    assert isinstance(EXAMPLES[name].make(EXAMPLES[name].shapes), CLASSES[name])


def test_every_example_is_of_a_class():
    assert set(EXAMPLES) <= set(CLASSES)


def test_every_module_with_a_class_is_listed(root):
    package = root / "keras_astro"
    found = {
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in package.rglob("*.py")
        if any(line.strip() == "@register()" for line in path.read_text().splitlines())
    }
    assert found == set(registry.MODULES)


@pytest.mark.parametrize("name", SHARED)
def test_exemptions_are_explained(name):
    known = {*harness.CHECKS, *harness.SHARED_CHECKS, *harness.PARTS}
    for check, reason in SHARED[name].exempt.items():
        assert check in known
        assert len(reason.split()) >= 3, f"{name}: say why it is exempt from {check}"


def test_names_are_those_of_the_golden_file(root, update_golden):
    path = root / "tests" / "golden" / "registry.json"
    found = sorted(f"{registry.PACKAGE}>{name}" for name in CLASSES)
    if update_golden:
        path.write_text(json.dumps(found, indent=1) + "\n")
    stored = json.loads(path.read_text())
    assert found == stored, "saved models hold these names: pytest --update-golden"


@pytest.mark.parametrize(
    ("check", "name"),
    [(check, name) for check in harness.CHECKS for name in held_to(check)],
)
def test_class(check, name):
    harness.CHECKS[check](SHARED[name])


RELOAD = """
import json, pathlib, sys
import keras, numpy as np
from keras_astro import registry
registry.load_all()
folder, report = pathlib.Path(sys.argv[1]), {}
for path in sorted(folder.glob("*.npz")):
    data = dict(np.load(path))
    inputs = {k: v for k, v in data.items() if k.startswith("in_")}
    try:
        if path.with_suffix(".keras").exists():
            model = keras.models.load_model(path.with_suffix(".keras"))
            found = model(inputs, training=False)
        else:
            config = json.loads(path.with_suffix(".json").read_text())
            loss = keras.saving.deserialize_keras_object(config)
            found = {"out_0": loss(*inputs.values())}
        errors = [float(np.abs(np.asarray(found[k]) - v).max())
                  for k, v in data.items() if k.startswith("out_")]
        report[path.stem] = max(errors)
    except Exception as error:
        report[path.stem] = f"{type(error).__name__}: {str(error)[:500]}"
print(json.dumps(report))
"""


@pytest.fixture(scope="session")
def wrapped():
    """A functional model around each layer, and inputs for it."""
    layers = [n for n in SHARED if issubclass(CLASSES[n], keras.layers.Layer)]
    return SimpleNamespace(
        models={name: harness.as_model(SHARED[name], name) for name in layers},
        inputs={name: harness.named_values(SHARED[name]) for name in layers},
    )


def store(name, wrapped, folder):
    """Saves an example, what goes in, and what comes out."""
    if name in wrapped.models:
        model, inputs = wrapped.models[name], wrapped.inputs[name]
        model.save(folder / f"{name}.keras")
        outputs = model(inputs, training=False)
    else:
        loss, inputs = harness.made(SHARED[name]), harness.named_values(SHARED[name])
        config = keras.saving.serialize_keras_object(loss)
        (folder / f"{name}.json").write_text(json.dumps(config))
        outputs = {"out_0": loss(*inputs.values())}
    arrays = {k: np.asarray(v) for k, v in outputs.items()}
    np.savez(folder / f"{name}.npz", **inputs, **arrays)


@pytest.fixture(scope="session")
def reloaded(wrapped, tmp_path_factory):
    """Largest difference of each class once loaded in a fresh process, or an error."""
    folder = tmp_path_factory.mktemp("reloaded")
    for name in held_to("round_trip"):
        store(name, wrapped, folder)
    done = subprocess.run(
        [sys.executable, "-c", RELOAD, str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", held_to("round_trip"))
def test_round_trip(reloaded, name):
    assert not isinstance(reloaded[name], str), reloaded[name]
    assert reloaded[name] < 1e-6


def chosen(wrapped, check):
    names = [name for name in wrapped.models if name in held_to(check)]
    return [
        {name: found[name] for name in names}
        for found in (wrapped.models, wrapped.inputs)
    ]


@pytest.fixture(scope="session")
def served(wrapped, tmp_path_factory):
    """What is wrong with each class in a SavedModel."""
    folder = tmp_path_factory.mktemp("served")
    return harness.saved_model_errors(*chosen(wrapped, "saved_model"), folder / "1")


@pytest.fixture(scope="session")
def converted(wrapped):
    """What is wrong with each class in TFLite."""
    return harness.tflite_errors(*chosen(wrapped, "tflite"))


@pytest.mark.parametrize("name", held_to("saved_model"))
def test_saved_model(served, name):
    assert served[name] == ""


@pytest.mark.parametrize("name", held_to("tflite"))
def test_tflite(converted, name):
    assert converted[name] == ""


def test_operations_without_tflite_are_named():
    inputs = keras.Input((4,), name="in_0")
    model = keras.Model(
        {"in_0": inputs}, {"out_0": keras.ops.erfinv(keras.ops.tanh(inputs))}
    )
    found = harness.tflite_errors({"erfinv": model}, {"erfinv": {}})
    assert "operations that TFLite lacks" in found["erfinv"]


class Broken(keras.layers.Layer):
    """Forgets a weight's gradient and looks at its neighbours."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x):
        return x + keras.ops.stop_gradient(self.scale) + keras.ops.mean(x)


@pytest.mark.parametrize(
    ("check", "words"),
    [("gradient", "no gradient reaches"), ("rows_alone", "Not equal to tolerance")],
)
def test_a_broken_layer_is_caught(check, words):
    with pytest.raises(AssertionError, match=words):
        harness.CHECKS[check](harness.Example(lambda _: Broken(), (4,)))


def autoencoder(kind):
    keras.utils.set_random_seed(0)
    if kind == "dense":
        parts = dense_encoder(7, 2, hidden=(5,)), dense_decoder(2, 7, hidden=(5,))
        return chain(*parts), (7,)
    shape = (8, 12, 1)
    parts = (
        conv_encoder(shape, 2, filters=(2, 3)),
        conv_decoder(2, shape, filters=(2, 3)),
    )
    return chain(*parts), shape


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_autoencoders(kind, tmp_path):
    model, shape = autoencoder(kind)
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")
    harness.check_model(model, x)
    inputs = keras.Input(shape, name="x")
    named = keras.Model({"x": inputs}, {"y": model(inputs)}, name="named")
    harness.check_export({"named": named}, {"named": {"x": x}}, tmp_path)


def gaussian(y_true, y_pred):
    mean, raw = np.split(y_pred, 2, axis=1)
    sd = np.exp(6 * np.tanh(raw / 12))
    each = -stats.norm.logpdf(y_true, mean, sd) - 0.5 * np.log(2 * np.pi)
    return each.mean(axis=1)


def test_a_loss_against_scipy_and_a_wrong_one():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.normal(size=(5, 3)), rng.normal(size=(5, 6))
    loss = GaussianNegativeLogLikelihood()
    harness.check_loss_against(loss, gaussian, y_true, y_pred)
    with pytest.raises(AssertionError):
        harness.check_loss_against(
            loss, lambda *pair: 1.01 * gaussian(*pair), y_true, y_pred
        )


def test_an_export_that_differs_is_caught():
    assert "differs by up to 1" in harness.difference({"a": [1.0]}, {"a": [2.0]})
    assert "shape" in harness.difference({"a": [[1.0]]}, {"a": [1.0]})
    assert "no output b" in harness.difference({"a": 1.0}, {"b": 1.0})

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_astro import registry
from keras_astro.errors import ConfigError
from keras_astro.layers.contractive import METHODS, ContractiveEncoder
from keras_astro.models.autoencoder import conv_encoder


def rows(n=6, width=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, width)).astype("float32")


def dense(*widths, activation="tanh", last=None, seed=3):
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((5,))
    for width in widths[:-1]:
        x = layers.Dense(width, activation, bias_initializer="random_normal")(x)
    return keras.Model(inputs, layers.Dense(widths[-1], last)(x), name="encoder")


def penalty(encoder, x, method="exact", **options):
    layer = ContractiveEncoder(encoder, 1.0, method, **options)
    layer(x, training=True)
    (loss,) = layer.losses
    assert float(layer.penalty.result()) == pytest.approx(float(loss), rel=1e-6)
    return float(loss)


def numeric(function, x, step=1e-3):
    """Mean squared Frobenius norm by central differences in single precision."""
    total = 0.0
    for index in np.ndindex(x.shape[1:]):
        up, down = x.copy(), x.copy()
        up[(slice(None), *index)] += step
        down[(slice(None), *index)] -= step
        slope = (np.asarray(function(up)) - np.asarray(function(down))) / (2 * step)
        total += np.mean(np.sum(slope.astype("float64") ** 2, axis=1))
    return total


@pytest.mark.parametrize("method", ["exact", "last_layer"])
def test_linear_encoder_has_the_norm_of_its_kernel(method):
    encoder = dense(3)
    expected = float(np.sum(encoder.layers[-1].kernel.numpy() ** 2))
    assert penalty(encoder, rows(), method) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_exact_agrees_with_finite_differences(activation):
    encoder = dense(8, 6, 3, activation=activation)
    expected = numeric(encoder, rows())
    assert penalty(encoder, rows()) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("frame", [(8, 8, 1), (4, 8, 2)])
def test_convolutional_encoder_agrees_with_finite_differences(frame):
    keras.utils.set_random_seed(0)
    encoder = conv_encoder(frame, 2, filters=(3, 4))
    x = np.random.default_rng(1).normal(size=(3, *frame)).astype("float32")
    expected = numeric(encoder, x, step=1e-2)
    assert penalty(encoder, x) == pytest.approx(expected, rel=2e-3)
    assert penalty(encoder, x, "hutchinson", seed=0) > 0


def encoder_of(kind, activation):
    """A nonlinear encoder of each kind, and 16 rows for it."""
    keras.utils.set_random_seed(4)
    rng = np.random.default_rng(2)
    if kind == "dense":
        return dense(8, 6, 3, activation=activation), rows(16)
    x = inputs = keras.Input((8, 8, 1))
    for filters in (3, 4):
        x = layers.Conv2D(filters, 3, 2, padding="same", activation=activation)(x)
    code = layers.Dense(3)(layers.Flatten()(x))
    return keras.Model(inputs, code), rng.normal(size=(16, 8, 8, 1)).astype("float32")


@pytest.mark.parametrize("activation", ["tanh", "gelu", "relu"])
@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_exact_is_a_loop_of_products_and_hutchinson_its_mean(kind, activation):
    encoder, x = encoder_of(kind, activation)
    total = 0.0
    for row in x:
        one = tf.constant(row[None])
        for latent in range(3):
            with tf.GradientTape() as tape:
                tape.watch(one)
                z = encoder(one)[0, latent]
            total += np.sum(np.square(tape.gradient(z, one), dtype="float64"))
    found = penalty(encoder, x)
    assert found == pytest.approx(total / len(x), rel=1e-5)
    # Each row draws a probe of its own: 500 copies of the batch are 500 draws.
    layer = ContractiveEncoder(encoder, 1.0, "hutchinson", seed=0)
    layer(np.repeat(x, 500, axis=0), training=True)
    assert float(layer.losses[0]) == pytest.approx(found, rel=0.02)


def test_hutchinson_scatters_from_step_to_step_around_exact():
    encoder, x = dense(8, 6, 3), rows()
    layer = ContractiveEncoder(encoder, 1.0, "hutchinson", seed=0)

    @tf.function
    def draw():
        layer(x, training=True)
        return layer.losses[0]

    draws = np.array([float(draw()) for _ in range(300)])
    error = draws.std(ddof=1) / np.sqrt(len(draws))
    assert error > 0
    assert abs(draws.mean() - penalty(encoder, x)) < 4 * error


@pytest.mark.parametrize("last", ["sigmoid", "relu"])
def test_last_layer_agrees_with_closed_form(last):
    encoder, x = dense(8, 3, last=last), rows()
    hidden = np.asarray(keras.Model(encoder.input, encoder.layers[-1].input)(x))
    kernel, bias = encoder.layers[-1].get_weights()
    before = hidden @ kernel + bias
    if last == "relu":
        slope = (before > 0).astype(float)
    else:
        sigma = 1 / (1 + np.exp(-before))
        slope = sigma * (1 - sigma)
    expected = np.mean(slope**2 @ np.sum(kernel**2, axis=0))
    assert penalty(encoder, x, "last_layer") == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_gradient_of_the_penalty_is_that_of_finite_differences(method, activation):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        encoder = dense(4, 3, activation=activation, last="tanh")
        # Outside training the probe is the same each time.
        layer = ContractiveEncoder(encoder, 1.0, method)
    finally:
        keras.config.set_dtype_policy(before)
    x = tf.constant(rows(), tf.float64)

    @tf.function
    def value():
        layer(x, training=False)
        return layer.losses[0]

    with tf.GradientTape() as tape:
        loss = value()
    weights = [w.value for w in encoder.trainable_weights]
    for variable, found in zip(weights, tape.gradient(loss, weights), strict=True):
        start, slope = variable.numpy(), np.empty(variable.shape)
        for index in np.ndindex(*variable.shape):
            ends = []
            for step in (1e-4, -1e-4):
                moved = start.copy()
                moved[index] += step
                variable.assign(moved)
                ends.append(float(value()))
            slope[index] = (ends[0] - ends[1]) / 2e-4
        variable.assign(start)
        np.testing.assert_allclose(
            found, slope, rtol=1e-3, atol=1e-3 * abs(slope).max()
        )
        assert np.abs(slope).max() > 1e-3


def test_first_of_several_outputs_is_the_code():
    encoder = dense(8, 3)
    two = keras.Model(
        encoder.input, [encoder.output, layers.Dense(3)(encoder.layers[-1].input)]
    )
    for method in ("exact", "last_layer"):
        expected = penalty(encoder, rows(), method)
        assert penalty(two, rows(), method) == pytest.approx(expected, rel=1e-6)
    assert len(ContractiveEncoder(two, 1.0)(rows())) == 2


def image_of(encoder):
    reshaped = layers.Reshape((3, 1))(encoder.output)
    return keras.Model(encoder.input, reshaped)


def test_batch_normalisation_is_refused_wherever_it_hides():
    inputs = keras.Input((4, 5))
    inner = keras.Sequential([keras.Input((5,)), layers.BatchNormalization()])
    x = layers.Flatten()(layers.TimeDistributed(inner)(inputs))
    encoder = keras.Model(inputs, layers.Dense(2)(x))
    with pytest.raises(ConfigError, match="all rows of its batch") as error:
        ContractiveEncoder(encoder, 0.1)
    assert "LayerNormalization" in error.value.hint


@pytest.mark.parametrize(
    ("encoder", "options", "message"),
    [
        (lambda: dense(3), {"method": "jvp"}, "expected one of"),
        (lambda: dense(3), {"weight": -1.0}, "0 or more"),
        (lambda: dense(3, last="softmax"), {"method": "last_layer"}, "softmax"),
        (lambda: image_of(dense(3)), {}, "a code"),
    ],
)
def test_unfit_options_are_refused(encoder, options, message):
    with pytest.raises(ConfigError, match=message):
        ContractiveEncoder(encoder(), **({"weight": 1.0} | options))


def test_last_layer_must_be_dense():
    inputs = keras.Input((5,))
    encoder = keras.Model(inputs, layers.ReLU()(layers.Dense(3)(inputs)))
    with pytest.raises(ConfigError, match="ends with Dense"):
        ContractiveEncoder(encoder, 1.0, "last_layer")


def model(method="hutchinson", weight=0.1, jit_compile=False, **compiled):
    encoder = dense(8, 3)
    inputs = keras.Input((5,))
    code = ContractiveEncoder(encoder, weight, method, seed=1)(inputs)
    built = keras.Model(inputs, layers.Dense(5, name="decoder")(code))
    built.compile(
        keras.optimizers.Adam(0.01), loss="mse", jit_compile=jit_compile, **compiled
    )
    return built


def fitted(built, epochs=3):
    x = rows(32)
    pairs = tf.data.Dataset.from_tensor_slices((x, x)).batch(8)
    return built.fit(
        pairs, epochs=epochs, validation_data=pairs, verbose=0, shuffle=False
    ).history


@pytest.mark.parametrize("method", METHODS)
def test_compiled_and_grouped_steps_equal_plain_ones(method):
    plain = fitted(model(method))
    fast = fitted(model(method, jit_compile=True, steps_per_execution=2))
    assert plain.keys() == fast.keys()
    assert {"contractive", "val_contractive"} <= plain.keys()
    for name, values in plain.items():
        assert fast[name] == pytest.approx(values, rel=1e-4)


def test_penalty_falls_when_it_weighs_more():
    light, heavy = (fitted(model("exact", w), 20) for w in (1e-6, 1.0))
    assert heavy["contractive"][-1] < 0.5 * light["contractive"][-1]


def test_validation_is_repeatable():
    built = model()
    x = rows(16, seed=4)
    found = [built.evaluate(x, x, verbose=0, return_dict=True) for _ in range(2)]
    assert found[0] == found[1]


def test_weight_of_zero_is_the_plain_model():
    encoder = dense(8, 3)
    inputs = keras.Input((5,))
    plain = keras.Model(inputs, layers.Dense(5, name="decoder")(encoder(inputs)))
    plain.compile(keras.optimizers.Adam(0.01), loss="mse", jit_compile=False)
    wrapped = model(weight=0.0)
    wrapped.get_layer("decoder").set_weights(plain.get_layer("decoder").get_weights())
    assert fitted(wrapped) == fitted(plain)


@pytest.mark.parametrize("method", METHODS)
def test_saved_and_loaded_without_custom_objects(method, tmp_path):
    built = model(method)
    fitted(built, 1)
    registry.load_all()
    built.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded(rows()), built(rows()))
    old, new = (m.layers[1] for m in (built, loaded))
    assert (new.weight, new.method, new.seed) == (old.weight, old.method, old.seed)
    assert len(new.weights) == len(old.encoder.weights)
    # The next probe is the one that would have come without saving.
    after = fitted(loaded, 1)
    for name, values in fitted(built, 1).items():
        assert after[name] == pytest.approx(values, rel=1e-5)


MIRRORED = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from keras_astro.layers.consistent import ConsistentEncoder
from keras_astro.layers.contractive import ContractiveEncoder
from keras_astro.layers.nuisances import PixelNoise
x = np.random.default_rng(0).normal(size=(256, 5)).astype("float32")

def fit(strategy):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        inputs = keras.Input((5,))
        hidden = keras.layers.Dense(8, "tanh")(inputs)
        encoder = keras.Model(inputs, keras.layers.Dense(3)(hidden))
        if METHOD == "consistent":
            layer = ConsistentEncoder(encoder, [PixelNoise(0.3, seed=1)], 0.3)
        else:
            layer = ContractiveEncoder(encoder, 0.3, METHOD, seed=1)
        code = layer(inputs)
        model = keras.Model(inputs, keras.layers.Dense(5)(code))
        model.compile(keras.optimizers.SGD(0.05), loss="mse", jit_compile=False)
    pairs = tf.data.Dataset.from_tensor_slices((x, x)).batch(128)
    history = model.fit(pairs, epochs=2, verbose=0, shuffle=False).history
    part = "consistency" if METHOD == "consistent" else "contractive"
    return np.array([history["loss"], history[part]])

for METHOD in ("exact", "hutchinson", "consistent"):
    both = fit(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
    one = fit(tf.distribute.OneDeviceStrategy("CPU:0"))
    print(METHOD, float(np.abs(both / one - 1).max()))
"""


def test_two_devices_equal_one():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MIRRORED)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = dict(line.split() for line in done.stdout.splitlines())
    assert float(found["exact"]) < 1e-4
    # Replicas draw their own probes and changes: equal in expectation only.
    assert float(found["hutchinson"]) < 0.5
    assert float(found["consistent"]) < 0.5

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_astro import registry
from keras_astro.errors import ConfigError
from keras_astro.layers.consistent import ConsistentEncoder, relative_distance
from keras_astro.layers.contractive import ContractiveEncoder
from keras_astro.layers.nuisances import PixelNoise, VelocityShift
from keras_astro.models.autoencoder import chain, dense_decoder
from keras_astro.models.variational import posterior_mean_encoder


def rows(n=64, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 6)).astype("float32")


def encoder(hidden=8, seed=0, last=None):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6,))
    x = layers.Dense(hidden, "tanh")(inputs) if hidden else inputs
    return keras.Model(inputs, layers.Dense(2, last)(x), name="encoder")


def loss_of(layer, x, training=True):
    layer(x, training=training)
    return float(sum(layer.losses))


def test_noise_on_a_linear_encoder_agrees_with_closed_form():
    plain, x, sd = encoder(hidden=0), rows(30000), 0.2
    layer = ConsistentEncoder(plain, [PixelNoise(sd, seed=1)], 0.5)
    kernel = plain.layers[-1].kernel.numpy()
    # E |W e|^2 = sd^2 |W|^2, and the codes of normal rows have W's own covariance.
    spread = 2 * np.sum(np.var(x @ kernel, axis=0))
    expected = sd**2 * np.sum(kernel**2) / spread
    assert loss_of(layer, x) == pytest.approx(0.5 * expected, rel=0.02)
    assert float(layer.quotient.result()) == pytest.approx(expected, rel=0.02)


def test_scale_of_the_code_does_not_matter():
    x, plain = rows(), encoder()
    layer = ConsistentEncoder(plain, [PixelNoise(0.2, seed=1)], 1.0)
    before = loss_of(layer, x, training=False)
    last = plain.layers[-1]
    with tf.GradientTape() as tape:
        layer(x, training=False)
        loss = layer.losses[0]
    gradient = tape.gradient(loss, last.kernel.value)
    # No reward for a smaller code: the slope along the scale is zero.
    assert abs(float(tf.reduce_sum(gradient * last.kernel))) < 1e-6
    assert float(tf.norm(gradient)) > 1e-3
    last.set_weights([1e-2 * w for w in last.get_weights()])
    assert loss_of(layer, x, training=False) == pytest.approx(before, rel=1e-4)


@pytest.mark.parametrize("code", [np.zeros((4, 2)), np.ones((1, 2))])
def test_equal_codes_are_as_bad_as_random_ones_with_a_finite_gradient(code):
    code = tf.constant(code, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(code)
        loss = relative_distance(code, 1.1 * code + 1.0)
    assert float(loss) == 1.0
    assert np.isfinite(tape.gradient(loss, code)).all()


def model(weight=1.0, contraction=0.0, jit_compile=False):
    inner = encoder()
    if contraction:
        inner = ContractiveEncoder(inner, contraction, seed=1)
    code = ConsistentEncoder(inner, [PixelNoise(0.3, seed=2)], weight)
    built = chain(code, dense_decoder(2, 6, hidden=(8,)))
    built.compile(keras.optimizers.Adam(0.01), loss="mse", jit_compile=jit_compile)
    return built


def fitted(built, epochs=2):
    x = rows()
    pairs = tf.data.Dataset.from_tensor_slices((x, x)).batch(16)
    return built.fit(
        pairs, epochs=epochs, validation_data=pairs, shuffle=False, verbose=0
    ).history


def test_code_becomes_blind_to_a_nuisance_and_keeps_its_spread():
    # The nuisance moves lines; depth and width are what a code should keep.
    rng = np.random.default_rng(0)
    grid = np.arange(40)
    depth = rng.uniform(0.2, 1.0, (256, 1))
    place = rng.uniform(17, 23, (256, 1))
    x = (depth * np.exp(-0.5 * ((grid - place) / 2.5) ** 2)).astype("float32")

    def trained(weight):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((40,))
        hidden = layers.Dense(32, "gelu")(inputs)
        plain = keras.Model(inputs, layers.Dense(3)(hidden))
        shift = VelocityShift(100.0, log_step=1e-4, seed=0)
        wrapped = ConsistentEncoder(plain, [shift], weight)
        built = chain(wrapped, dense_decoder(3, 40, hidden=(32,)))
        built.compile(keras.optimizers.Adam(0.01), loss="mse", jit_compile=False)
        built.fit(x, x, epochs=15, batch_size=32, verbose=0)
        moved = wrapped.perturb(tf.constant(x), training=False)
        return float(relative_distance(plain(x), plain(moved))), plain

    free, _ = trained(0.0)
    held, plain = trained(1.0)
    assert held < 0.3 * free
    code = np.asarray(plain(x))
    assert code.var(axis=0).sum() > 1e-3
    assert max(abs(np.corrcoef(code.T, depth[:, 0])[-1, :-1])) > 0.8


def test_joins_the_contraction():
    history = fitted(model(contraction=0.1))
    names = {"consistency", "contractive", "loss"}
    assert names | {f"val_{name}" for name in names} <= history.keys()
    built = model(contraction=0.1)
    layer = built.layers[1]
    layer(rows(), training=False)
    parts = 0.1 * layer.encoder.penalty.result() + layer.quotient.result()
    assert float(sum(layer.losses)) == pytest.approx(float(parts), rel=1e-5)
    found = posterior_mean_encoder(built)
    np.testing.assert_array_equal(found(rows()), built.layers[1](rows()))
    assert {type(x).__module__.split(".")[0] for x in found.layers} == {"keras"}


def test_compiled_steps_train_and_validation_repeats():
    built = model(jit_compile=True)
    history = fitted(built, 8)
    assert history["val_consistency"][-1] < history["val_consistency"][0]
    x = rows(16, seed=4)
    found = [built.evaluate(x, x, verbose=0, return_dict=True) for _ in range(2)]
    assert found[0] == found[1]


def test_weight_of_zero_is_the_encoder():
    history = fitted(model(weight=0.0))
    assert "consistency" not in history


def test_saved_and_loaded_without_custom_objects(tmp_path):
    built = model(contraction=0.1)
    fitted(built, 1)
    registry.load_all()
    built.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded(rows()), built(rows()))
    after = fitted(loaded, 1)
    for name, values in fitted(built, 1).items():
        assert after[name] == pytest.approx(values, rel=1e-5)


@pytest.mark.parametrize(
    ("nuisances", "weight", "message"),
    [
        ([PixelNoise(1.0)], -1.0, "0 or more"),
        ([], 1.0, "received none"),
        ([layers.GaussianNoise(1.0)], 1.0, "GaussianNoise"),
    ],
)
def test_unfit_options_are_refused(nuisances, weight, message):
    with pytest.raises(ConfigError, match=message):
        ConsistentEncoder(encoder(), nuisances, weight)

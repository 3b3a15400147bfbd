import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_astro import registry
from keras_astro.errors import ConfigError
from keras_astro.layers.likelihoods import (
    LEAST_SCALE,
    GaussianLikelihood,
    StudentTLikelihood,
)
from keras_astro.layers.masked import FillMasked
from keras_astro.layers.sampling import VariationalCode
from keras_astro.models.autoencoder import dense_decoder, dense_encoder
from keras_astro.models.variational import (
    likelihood_autoencoder,
    posterior_mean_encoder,
    variational_encoder,
)


def pair(shape=(5, 4), seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, *shape)).astype("float32")


def ivar(shape=(5, 4), seed=1):
    return np.random.default_rng(seed).uniform(0.5, 4.0, shape).astype("float32")


def loss_of(layer, *inputs):
    layer([tf.constant(x) for x in inputs])
    (loss,) = layer.losses
    (metric,) = (m for m in layer.metrics if m.name == "reconstruction")
    assert float(metric.result()) == pytest.approx(float(loss), rel=1e-6)
    return float(loss)


LAYERS = {
    "gaussian": (lambda **k: GaussianLikelihood(0.7, **k), stats.norm()),
    "student": (lambda **k: StudentTLikelihood(3.0, 0.7, **k), stats.t(3.0)),
}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 2, 1)])
def test_without_weights_it_is_the_density_of_scipy(kind, shape):
    make, density = LAYERS[kind]
    x, mean = pair(shape)
    each = density.logpdf((x - mean) / 0.7) - np.log(0.7)
    expected = -each.reshape(shape[0], -1).sum(axis=1).mean()
    assert loss_of(make(), x, mean) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", LAYERS)
def test_inverse_variance_divides_the_scale(kind):
    make, density = LAYERS[kind]
    (x, mean), weight = pair(), ivar()
    sd = 0.7 / np.sqrt(weight)
    expected = -(density.logpdf((x - mean) / sd) - np.log(sd)).sum(axis=1).mean()
    assert loss_of(make(), x, mean, weight) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("hidden", [np.nan, np.inf, -1e30])
def test_what_has_no_weight_does_not_exist(kind, hidden):
    make, _ = LAYERS[kind]
    (x, mean), weight = pair(), ivar()
    expected = loss_of(make(), x[:, :3], mean[:, :3], weight[:, :3])
    x[:, 3], weight[:, 3] = hidden, 0.0
    layer = make(learned=True)
    prediction = tf.constant(mean)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        layer([tf.constant(x), prediction, tf.constant(weight)])
        loss = layer.losses[0]
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    slopes = tape.gradient(loss, [prediction, layer.log_scale.value])
    assert all(np.isfinite(slope).all() for slope in slopes)
    np.testing.assert_array_equal(slopes[0][:, 3], 0.0)
    assert np.abs(slopes[0][:, :3]).min() > 0


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan])
def test_rows_without_any_weight_cost_nothing(kind, weight):
    make, _ = LAYERS[kind]
    x, mean = pair()
    weights = np.full_like(x, weight)
    assert loss_of(make(), np.full_like(x, np.nan), mean, weights) == 0.0


def test_prediction_passes_unchanged():
    x, mean = pair()
    np.testing.assert_array_equal(GaussianLikelihood()([x, mean]), mean)


@pytest.mark.parametrize("per_feature", [False, True])
def test_learned_scale_is_best_at_the_root_mean_square(per_feature):
    x, mean = pair((50, 4))
    axis = 0 if per_feature else None
    best = np.sqrt(np.mean((x - mean) ** 2, axis=axis))
    layer = GaussianLikelihood(1.0, learned=True, per_feature=per_feature)
    layer.build([x.shape, mean.shape])
    layer.log_scale.assign(np.log(best - LEAST_SCALE))
    with tf.GradientTape() as tape:
        layer([tf.constant(x), tf.constant(mean)])
        loss = layer.losses[0]
    np.testing.assert_allclose(tape.gradient(loss, layer.log_scale.value), 0, atol=2e-5)
    np.testing.assert_allclose(layer.current_scale(), best, rtol=1e-5)
    assert float(layer.scale_metric.result()) == pytest.approx(best.mean(), rel=1e-5)
    # There, -log p = n (1 + log 2 pi s^2) / 2.
    expected = np.sum(0.5 * (1 + np.log(2 * np.pi * best**2)) * np.ones(4))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_learned_scale_of_weighted_data_is_the_error_of_the_errors():
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 4.0, (4000, 3)).astype("float32")
    # Quoted errors are half of the true ones.
    x = (2.0 / np.sqrt(weight) * rng.normal(size=weight.shape)).astype("float32")
    inputs = {name: keras.Input((3,), name=name) for name in ("x", "weight")}
    layer = GaussianLikelihood(1.0, learned=True)
    zero = 0.0 * inputs["x"]
    model = keras.Model(inputs, layer([inputs["x"], zero, inputs["weight"]]))
    model.compile(keras.optimizers.Adam(0.1), jit_compile=False)
    model.fit({"x": x, "weight": weight}, epochs=3, batch_size=100, verbose=0)
    assert float(layer.current_scale()) == pytest.approx(2.0, rel=0.05)


def test_outliers_pull_a_student_less():
    x = tf.constant([[1.0, 50.0]])
    slopes = []
    for layer in (GaussianLikelihood(), StudentTLikelihood(3.0)):
        mean = tf.zeros((1, 2))
        with tf.GradientTape() as tape:
            tape.watch(mean)
            layer([x, mean])
            loss = layer.losses[0]
        slopes.append(np.abs(tape.gradient(loss, mean))[0])
    # (nu + 1) r / (nu + r^2) against r.
    np.testing.assert_allclose(slopes[0], [1.0, 50.0], rtol=1e-5)
    np.testing.assert_allclose(slopes[1], [1.0, 200 / 2503], rtol=1e-5)


def test_half_precision_keeps_the_sum():
    x, mean = pair((4, 3000))
    wanted = loss_of(GaussianLikelihood(), x, mean)
    half = [tf.cast(v, tf.bfloat16) for v in (x, mean)]
    layer = GaussianLikelihood()
    layer(half)
    assert layer.losses[0].dtype == tf.float32
    assert float(layer.losses[0]) == pytest.approx(wanted, rel=2e-3)


def test_filled_values_are_those_without_weight():
    data = tf.constant([[1.0, np.nan, np.inf, 4.0]])
    weight = tf.constant([[1.0, 0.0, -1.0, np.nan]])
    with tf.GradientTape() as tape:
        tape.watch(data)
        filled = FillMasked(0.5)([data, weight])
        total = tf.reduce_sum(filled)
    np.testing.assert_array_equal(filled, [[1.0, 0.5, 0.5, 0.5]])
    np.testing.assert_array_equal(tape.gradient(total, data), [[1.0, 0, 0, 0]])


def autoencoder(likelihood, weighted):
    keras.utils.set_random_seed(0)
    posterior = variational_encoder(dense_encoder(6, 2, hidden=(8,)))
    code = VariationalCode(2, seed=1, name="code")
    decoder = dense_decoder(2, 6, hidden=(8,))
    model = likelihood_autoencoder(
        posterior, code, decoder, likelihood, weighted=weighted
    )
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    return model


def holes(n=64):
    x = pair((n, 6))[0]
    weight = np.random.default_rng(3).choice([0.0, 2.0], (n, 6)).astype("float32")
    return np.where(weight > 0, x, np.nan).astype("float32"), weight


def test_holes_in_the_data_stay_where_they_are():
    x, weight = holes()
    model = autoencoder(StudentTLikelihood(3.0, learned=True), weighted=True)
    history = model.fit({"inputs": x, "weight": weight}, epochs=3, verbose=0).history
    assert {"loss", "kl", "reconstruction", "scale"} <= history.keys()
    assert all(np.isfinite(values).all() for values in history.values())
    assert history["reconstruction"][-1] < history["reconstruction"][0]
    # What stands in a hole changes nothing at all.
    other = np.where(weight > 0, x, 7.0).astype("float32")
    found = [
        np.asarray(model({"inputs": data, "weight": weight})) for data in (x, other)
    ]
    np.testing.assert_array_equal(*found)
    assert np.isfinite(found[0]).all()
    assert posterior_mean_encoder(model).output_shape == (None, 2)


def test_all_losses_add_up_to_the_evidence_bound():
    model = autoencoder(GaussianLikelihood(0.5), weighted=False)
    x = pair((16, 6))[0]
    found = model.evaluate(x, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(found["kl"] + found["reconstruction"])


def test_saved_and_loaded_without_custom_objects(tmp_path):
    x, weight = holes()
    inputs = {"inputs": x, "weight": weight}
    model = autoencoder(
        GaussianLikelihood(0.5, learned=True, per_feature=True), weighted=True
    )
    model.fit(inputs, epochs=1, shuffle=False, verbose=0)
    registry.load_all()
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    for new, old in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(new, old)
    again = model.fit(inputs, epochs=1, shuffle=False, verbose=0).history
    after = loaded.fit(inputs, epochs=1, shuffle=False, verbose=0).history
    assert after == {k: pytest.approx(v, rel=1e-5) for k, v in again.items()}


@pytest.mark.parametrize(
    "make",
    [
        lambda: GaussianLikelihood(0.0),
        lambda: GaussianLikelihood(-1.0),
        lambda: StudentTLikelihood(0.0),
    ],
)
def test_unfit_options_are_refused(make):
    with pytest.raises(ConfigError, match="expected"):
        make()

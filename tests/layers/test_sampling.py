import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_astro import registry
from keras_astro.errors import ConfigError
from keras_astro.layers.priors import FlowPrior, MixturePrior, StandardNormalPrior
from keras_astro.layers.sampling import VariationalCode
from keras_astro.losses.divergence import sampled_kl, standard_kl
from keras_astro.models.autoencoder import dense_decoder, dense_encoder
from keras_astro.models.variational import variational_autoencoder, variational_encoder

PRIORS = ("normal", "mixture", "flow")


def statistics(n=8, latents=3, seed=0):
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(n, latents)).astype("float32")
    return mean, rng.normal(-1.0, 0.5, size=(n, latents)).astype("float32")


def closed_form(mean, log_variance):
    return 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1)


def loss_of(code, inputs, training=True):
    z = code([tf.constant(x) for x in inputs], training=training)
    (loss,) = code.losses
    return float(loss), np.asarray(z)


def model(prior="normal", latents=3, **options):
    keras.utils.set_random_seed(2)
    if prior == "flow":  # a smaller one compiles faster
        prior = FlowPrior(latents, couplings=2, hidden=8, seed=5)
    posterior = variational_encoder(dense_encoder(6, latents, hidden=(8,)))
    code = VariationalCode(latents, prior, seed=5, name="code", **options)
    decoder = dense_decoder(latents, 6, hidden=(8,))
    return variational_autoencoder(posterior, code, decoder)


def fitted(built, epochs=2, validate=False, jit_compile=False, **compiled):
    x = np.random.default_rng(1).normal(size=(32, 6)).astype("float32")
    if not built.compiled:
        built.compile(
            keras.optimizers.Adam(0.01), loss="mse", jit_compile=jit_compile, **compiled
        )
    pairs = tf.data.Dataset.from_tensor_slices((x, x)).batch(8)
    held = pairs if validate else None
    return built.fit(
        pairs, epochs=epochs, validation_data=held, shuffle=False, verbose=0
    ).history


def test_divergence_from_the_standard_normal():
    mean, log_variance = statistics()
    found = np.asarray(standard_kl(mean, log_variance))
    np.testing.assert_allclose(found, closed_form(mean, log_variance), rtol=1e-5)


def test_loss_and_metric_are_the_mean_over_rows_of_the_sum_over_latents():
    inputs = statistics()
    code = VariationalCode(3, kl_weight=0.25)
    loss, _ = loss_of(code, inputs)
    expected = closed_form(*inputs).sum(axis=1).mean()
    assert loss == pytest.approx(0.25 * expected, rel=1e-5)
    assert float(code.kl.result()) == pytest.approx(expected, rel=1e-5)


def test_monte_carlo_with_one_standard_component_agrees_with_analytic():
    prior = MixturePrior(3, components=1)
    prior.build()
    prior.means.assign(np.zeros((1, 3)))
    mean, log_variance = (np.repeat(x[:1], 20000, axis=0) for x in statistics())
    noise = np.random.default_rng(0).normal(size=mean.shape).astype("float32")
    sample = tf.constant(mean + np.exp(log_variance / 2) * noise)
    draws = np.asarray(sampled_kl(mean, log_variance, sample, prior(sample)))
    error = draws.std() / np.sqrt(len(draws))
    expected = closed_form(mean, log_variance)[0].sum()
    assert abs(draws.mean() - expected) < 4 * error


def test_mixture_density_agrees_with_scipy():
    prior = MixturePrior(2, components=2, seed=1)
    prior.build()
    prior.logits.assign([0.0, np.log(3.0)])
    prior.log_scales.assign([[0.1, -0.2], [0.3, 0.0]])
    z = np.float32([[0.3, -0.7]])
    parts = stats.norm.pdf(z, prior.means.numpy(), np.exp(prior.log_scales.numpy()))
    expected = np.log(parts.prod(axis=1) @ [0.25, 0.75])
    assert float(prior(z)[0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("latents", [2, 3])
def test_flow_is_a_normalised_density(latents):
    prior = FlowPrior(latents, couplings=3, hidden=8, seed=1)
    for network in prior.networks:
        for weight in network.weights:
            weight.assign(keras.random.normal(weight.shape, stddev=0.4, seed=7))
    wide = stats.norm(scale=3)
    z = wide.rvs((40000, latents), random_state=0).astype("float32")
    ratio = np.exp(np.asarray(prior(z)) - wide.logpdf(z).sum(axis=1))
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(len(ratio))


def test_flow_starts_near_the_standard_normal():
    z = statistics()[0]
    expected = np.asarray(StandardNormalPrior(3)(z))
    np.testing.assert_allclose(FlowPrior(3, seed=0)(z), expected, atol=0.6)


def test_flow_needs_two_latents():
    with pytest.raises(ConfigError, match="2 latents or more"):
        VariationalCode(1, "flow")


@pytest.mark.parametrize(
    "options",
    [{"prior": "cauchy"}, {"kl_weight": -1}, {"prior": MixturePrior(2)}],
)
def test_unfit_options_are_refused(options):
    with pytest.raises(ConfigError, match="expected") as caught:
        VariationalCode(3, **options)
    assert caught.value.hint


@pytest.mark.parametrize("prior", PRIORS)
def test_every_weight_moves_in_one_step(prior):
    built = model(prior, kl_weight=0.1)
    built.compile(keras.optimizers.Adam(0.01), loss="mse", jit_compile=False)
    before = [w.numpy() for w in built.trainable_weights]
    x = np.random.default_rng(1).normal(size=(32, 6)).astype("float32")
    built.train_on_batch(x, x)
    for weight, old in zip(built.trainable_weights, before, strict=True):
        assert not np.array_equal(weight.numpy(), old), weight.path
    learned = {"normal": 0, "mixture": 3, "flow": 8}[prior]
    assert len(built.get_layer("code").trainable_weights) == learned


@pytest.mark.parametrize("prior", PRIORS)
def test_saved_and_loaded_without_custom_objects(prior, tmp_path):
    built = model(prior, kl_weight=0.1, warmup_steps=10)
    fitted(built)
    registry.load_all()
    built.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert int(loaded.get_layer("code").step) == 8
    for new, old in zip(loaded.weights, built.weights, strict=True):
        np.testing.assert_array_equal(new, old)
    again = fitted(built, 1)
    assert fitted(loaded, 1) == {
        k: pytest.approx(v, rel=1e-5) for k, v in again.items()
    }


def test_compiled_and_grouped_steps_agree_with_plain_ones():
    options = {"kl_weight": 0.1, "warmup_steps": 6}
    plain = fitted(model(**options), validate=True)
    built = model(**options)
    fast = fitted(built, validate=True, jit_compile=True, steps_per_execution=2)
    assert {"kl", "val_kl"} <= plain.keys()
    assert int(built.get_layer("code").step) == 6
    for name, values in plain.items():
        # XLA turns the same bits into other normal deviates.
        assert fast[name] == pytest.approx(values, rel=0.2), name


@pytest.mark.parametrize("prior", ["mixture", "flow"])
def test_learned_priors_compile(prior):
    built = model(prior, kl_weight=0.1)
    built.compile(keras.optimizers.Adam(0.01), loss="mse", jit_compile=True)
    x = np.random.default_rng(1).normal(size=(32, 6)).astype("float32")
    found = built.train_on_batch(x, x, return_dict=True)
    assert np.isfinite(found["loss"])
    assert found["kl"] > 0


def test_free_bits_are_a_floor_of_each_latent():
    inputs = [np.float32([[0.0, 3.0]]), np.zeros((1, 2), "float32")]
    loss, _ = loss_of(VariationalCode(2, free_bits=0.5), inputs)
    assert loss == pytest.approx(0.5 + 4.5)


def test_free_bits_hold_the_gradient_back():
    mean = tf.Variable([[0.1, 3.0]])
    code = VariationalCode(2, free_bits=0.5)
    with tf.GradientTape() as tape:
        code([mean, tf.zeros((1, 2))], training=True)
        loss = code.losses[0]
    np.testing.assert_allclose(tape.gradient(loss, mean), [[0.0, 3.0]])


def test_free_bits_of_a_learned_prior_are_a_floor_of_the_sum():
    inputs = [np.zeros((4, 2), "float32")] * 2
    code = VariationalCode(2, "flow", free_bits=5.0, seed=0)
    assert loss_of(code, inputs)[0] == pytest.approx(10.0)


def test_weight_warms_up_in_training_alone():
    inputs = [np.float32([[2.0]]), np.zeros((1, 1), "float32")]
    code = VariationalCode(1, kl_weight=0.5, warmup_steps=2)
    assert loss_of(code, inputs, training=False)[0] == pytest.approx(1.0)
    found = [loss_of(code, inputs)[0] for _ in range(4)]
    assert found == pytest.approx([0.0, 0.5, 1.0, 1.0])
    assert int(code.step) == 2


def test_draws_have_the_posterior_mean_and_variance():
    n = 20000
    inputs = [
        np.tile(np.float32([[1.0, -2.0]]), (n, 1)),
        np.tile(np.float32(np.log([[0.25, 4.0]])), (n, 1)),
    ]
    _, z = loss_of(VariationalCode(2, seed=0), inputs)
    sd = np.array([0.5, 2.0])
    assert (abs(z.mean(axis=0) - [1.0, -2.0]) < 4 * sd / np.sqrt(n)).all()
    assert (abs(z.var(axis=0) / sd**2 - 1) < 4 * np.sqrt(2 / n)).all()


@pytest.mark.parametrize("prior", PRIORS)
def test_inference_returns_the_mean_and_repeats_its_loss(prior):
    inputs = statistics()
    code = VariationalCode(3, prior, seed=0)
    loss_of(code, inputs)
    (first, z), (second, _) = (loss_of(code, inputs, training=False) for _ in range(2))
    np.testing.assert_array_equal(z, inputs[0])
    assert first == second


def test_weight_of_zero_trains_the_reconstruction_alone():
    history = fitted(model("mixture", kl_weight=0.0))
    assert history["kl"][0] > 0
    built = model("mixture", kl_weight=0.0)
    x = np.zeros((8, 6), "float32")
    built(x)
    assert [float(loss) for loss in built.losses] == [0.0]

"""Posteriors in a box: closed forms, samples, and the loss that trains them."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import ndtri
from scipy.stats import norm

from keras_astro.errors import ConfigError
from keras_astro.layers.box_mixture import (
    QUANTILES,
    BoxMixture,
    normal_cdf,
    raw_width,
)
from keras_astro.losses.box_mixture import BoxMixtureLoss
from keras_astro.metrics.box_posterior import BoxPosterior

LOW, HIGH = [-1.0, 10.0, 0.0], [1.0, 30.0, 4.0]
COMPONENTS = 2


def raw(rows=6, seed=0):
    width = raw_width(3, COMPONENTS)
    return np.random.default_rng(seed).normal(size=(rows, width)).astype("float32")


def outputs(values):
    found = BoxMixture(LOW, HIGH, COMPONENTS, nodes=4096)(values)
    return {name: ops.convert_to_numpy(array) for name, array in found.items()}


def posterior(found):
    parts = (found[name] for name in ("weight", "location", "scale"))
    return BoxPosterior(*parts, LOW, HIGH)


def test_normal_cdf_is_scipys():
    x = np.linspace(-7, 7, 101).astype("float32")
    assert np.allclose(normal_cdf(x), norm.cdf(x), atol=3e-7)


def test_moments_are_those_of_samples():
    found = outputs(raw())
    draws = posterior(found).draw(40_000, seed=1)
    spread = np.sqrt(np.einsum("nii->ni", found["covariance"]))
    assert np.all(np.abs(draws.mean(axis=1) - found["mean"]) < 0.03 * spread)
    expected = np.stack([np.cov(row.T) for row in draws])
    unit = spread[:, :, None] * spread[:, None]
    assert np.abs((found["covariance"] - expected) / unit).max() < 0.06


def test_quantiles_hold_what_they_say():
    # Of posteriors within the box: at its edge, 32 bits hold no tail.
    found = outputs(0.4 * raw())
    for i, probability in enumerate(QUANTILES):
        below = posterior(found).cdf(found["quantiles"][..., i])
        assert np.allclose(below, probability, atol=2e-4)


def test_no_information_is_the_uniform_prior():
    found = outputs(np.zeros((1, raw_width(3, COMPONENTS)), "float32"))
    width = np.subtract(HIGH, LOW)
    assert np.allclose(found["mean"][0], np.add(LOW, HIGH) / 2, atol=1e-5)
    assert np.allclose(np.diag(found["covariance"][0]), width**2 / 12, rtol=0.02)


def test_loss_is_the_log_density_and_the_squared_error():
    truth = np.random.default_rng(3).uniform(LOW, HIGH, (6, 3)).astype("float32")
    found = outputs(raw())
    density = posterior(found).log_density(truth) + np.sum(
        np.log(np.subtract(HIGH, LOW))
    )
    square = np.sum(((found["mean"] - truth) / np.subtract(HIGH, LOW)) ** 2, axis=1)
    for weight in (0.0, 2.0):
        loss = BoxMixtureLoss(LOW, HIGH, COMPONENTS, square_weight=weight)
        values = ops.convert_to_numpy(loss.call(truth, raw()))
        expected = -density + 12 * weight * square
        assert np.allclose(values, expected, rtol=1e-3, atol=1e-3)


def test_fitting_recovers_a_known_posterior():
    # Truths are drawn around a number that the network sees.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 1)).astype("float32") * 0.5
    u = x + 0.3 * rng.normal(size=x.shape)
    truth = norm.cdf(u).astype("float32")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dense(raw_width(1, 1))(inputs))
    model.compile(keras.optimizers.Adam(0.03), BoxMixtureLoss([0.0], [1.0], 1))
    model.fit(x, truth, batch_size=250, epochs=12, verbose=0)
    found = BoxMixture([0.0], [1.0], 1)(model.predict(x[:50], verbose=0))
    assert np.allclose(found["location"][:, 0], x[:50], atol=0.05)
    assert np.allclose(found["scale"], 0.3, atol=0.03)
    exact = norm.cdf(x[:50, 0] + 0.3 * ndtri(0.84))
    assert np.allclose(found["quantiles"][:, 0, 3], exact, atol=0.02)


def test_limits_that_make_no_box_are_refused(refused):
    with refused(ConfigError, "low < high"):
        BoxMixture([0.0, 1.0], [1.0, 1.0])


@pytest.mark.parametrize("edge", [0, 1])
def test_truths_at_the_limits_have_a_finite_loss(edge):
    truth = np.array([[LOW, HIGH][edge]] * 6, "float32")
    loss = BoxMixtureLoss(LOW, HIGH, COMPONENTS)
    assert np.isfinite(float(loss(truth, raw())))

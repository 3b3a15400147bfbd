"""Likelihoods, moments in the graph and NumPy twins against SciPy."""

import keras
import numpy as np
import pytest
from harness import check_loss_against
from scipy.stats import multivariate_normal, norm

from keras_astro.errors import ConfigError, DataError
from keras_astro.inference import distributions
from keras_astro.layers.predictive import PredictiveMoments
from keras_astro.losses.predictive import (
    CovarianceNegativeLogLikelihood,
    MixtureNegativeLogLikelihood,
    raw_width,
    split_covariance,
)

ROWS, PARAMETERS, COMPONENTS = 7, 3, 4


def drawn(kind, rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    width = raw_width(kind, PARAMETERS, COMPONENTS)
    return rng.normal(size=(rows, PARAMETERS)), rng.normal(size=(rows, width))


def bound(x):
    return 12 * np.tanh(x / 12)


def covariance_reference(truth, raw):
    """Row by row, with a factor filled by hand."""
    found = []
    for y, row in zip(truth, raw, strict=True):
        a, b, c, d, e, f = row[3:]
        root = np.exp(0.5 * bound(np.array([a, b, c])))
        factor = np.array([[root[0], 0, 0], [d, root[1], 0], [e, f, root[2]]])
        law = multivariate_normal(row[:3], factor @ factor.T)
        found.append(-law.logpdf(y))
    return np.array(found)


def mixture_reference(truth, raw):
    found = []
    for y, row in zip(truth, raw, strict=True):
        weights = np.exp(row[:4]) / np.exp(row[:4]).sum()
        means, log_variance = row[4:16].reshape(4, 3), row[16:].reshape(4, 3)
        sd = np.exp(0.5 * bound(log_variance))
        found.append(-np.log(weights @ norm(means, sd).pdf(y).prod(axis=1)))
    return np.array(found)


LOSSES = {
    "covariance": (CovarianceNegativeLogLikelihood(), covariance_reference),
    "mixture": (MixtureNegativeLogLikelihood(COMPONENTS), mixture_reference),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_loss_is_scipys(kind):
    check_loss_against(*LOSSES[kind], *drawn(kind), rtol=2e-5)


def predictive(kind, raw):
    if kind == "mixture":
        return distributions.mixture(raw, components=COMPONENTS)
    return getattr(distributions, kind)(raw)


@pytest.mark.parametrize("kind", LOSSES)
def test_numpy_density_is_scipys(kind):
    truth, raw = drawn(kind)
    found = predictive(kind, raw).log_prob(truth)
    np.testing.assert_allclose(found, -LOSSES[kind][1](truth, raw), rtol=1e-10)


def test_numpy_density_of_independent_gaussians():
    truth, raw = drawn("gaussian")
    law = norm(raw[:, :3], np.exp(0.5 * bound(raw[:, 3:])))
    found = distributions.gaussian(raw)
    np.testing.assert_allclose(found.log_prob(truth), law.logpdf(truth).sum(axis=1))
    np.testing.assert_allclose(found.cdf(truth), law.cdf(truth))
    np.testing.assert_allclose(found.quantile(0.16), law.ppf(0.16))


KINDS = ("gaussian", "covariance", "mixture")


@pytest.mark.parametrize("kind", KINDS)
def test_graph_and_numpy_give_the_same_moments(kind):
    _, raw = drawn(kind)
    layer = PredictiveMoments(kind, PARAMETERS, COMPONENTS)
    offset, unit = [5.0, -1.0, 0.0], [2.0, 0.5, 10.0]
    layer.set_units(offset, unit)
    mean, sd = layer(keras.ops.convert_to_tensor(raw, "float32"))
    found = predictive(kind, raw).in_units(offset, unit)
    np.testing.assert_allclose(mean, found.mean(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(sd, found.sd(), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_have_the_moments(kind):
    _, raw = drawn(kind, rows=2)
    found = predictive(kind, raw).in_units([0.0, 1.0, 2.0], [1.0, 2.0, 3.0])
    samples = found.samples(100_000, seed=1)
    sd = found.sd()
    np.testing.assert_allclose(samples.mean(1), found.mean(), atol=5 * sd.max() / 316)
    for draws, covariance, scale in zip(samples, found.covariance(), sd, strict=True):
        error = (np.cov(draws.T) - covariance) / np.outer(scale, scale)
        assert np.abs(error).max() < 0.05


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("probability", [0.001, 0.16, 0.5, 0.975])
def test_quantiles_invert_the_distribution(kind, probability):
    _, raw = drawn(kind)
    found = predictive(kind, raw)
    np.testing.assert_allclose(found.cdf(found.quantile(probability)), probability)


def test_transforms_of_the_truth_are_uniform():
    _, raw = drawn("mixture", rows=4000)
    found = predictive("mixture", raw)
    transforms = found.cdf(found.samples(1, seed=2)[:, 0])
    for column in transforms.T:
        counts, _ = np.histogram(column, 10, (0, 1))
        # Chi-square of 9 degrees of freedom exceeds 27.9 once in a thousand.
        assert ((counts - 400) ** 2 / 400).sum() < 27.9


def test_training_recovers_a_known_covariance():
    rng = np.random.default_rng(0)
    truth = np.array([[1.0, 0.8], [0.8, 2.0]])
    rows = rng.multivariate_normal([3.0, -1.0], truth, size=4000).astype("float32")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(5)(inputs)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.05), CovarianceNegativeLogLikelihood())
    model.fit(np.zeros((4000, 1)), rows, epochs=25, batch_size=500, verbose=0)
    found = distributions.covariance(model(np.zeros((1, 1))))
    np.testing.assert_allclose(found.mean()[0], rows.mean(0), atol=0.1)
    np.testing.assert_allclose(found.covariance()[0], np.cov(rows.T), atol=0.15)


def test_the_factor_is_lower_triangular():
    _, raw = drawn("covariance")
    factor = np.asarray(split_covariance(raw.astype("float32"), PARAMETERS)[1])
    np.testing.assert_array_equal(factor, np.tril(factor))
    assert (np.diagonal(factor, axis1=1, axis2=2) > 0).all()


def test_far_raw_outputs_stay_finite():
    raw = np.full((1, 9), 1e4)
    found = distributions.covariance(raw)
    assert np.isfinite(found.sd()).all()
    loss = CovarianceNegativeLogLikelihood()(np.zeros((1, 3)), raw / 100)
    assert np.isfinite(loss)


def test_an_unknown_kind_is_refused(refused):
    with refused(ConfigError, "gaussian", "studentt", hint="covariance where"):
        raw_width("studentt", 2)
    with refused(ConfigError, "received 0 and 1"):
        raw_width("gaussian", 0)


@pytest.mark.parametrize(
    ("kind", "width"), [("gaussian", 3), ("covariance", 3), ("covariance", 4)]
)
def test_outputs_of_another_head_are_refused(refused, kind, width):
    with refused(DataError, kind, f"gives {width} outputs", hint="2 P outputs"):
        predictive(kind, np.zeros((2, width)))


def test_mixture_outputs_of_another_width_are_refused(refused):
    with refused(DataError, "mixture of 4", "gives 13 outputs"):
        predictive("mixture", np.zeros((2, 13)))
    with refused(DataError, "expected (row, output)", hint="raw[None]"):
        predictive("mixture", np.zeros(20))
    with refused(DataError, "between 0 and 1", "received 1"):
        predictive("mixture", np.zeros((1, 28))).quantile(1)

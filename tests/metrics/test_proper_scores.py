import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from keras_astro.errors import DataError
from keras_astro.metrics import brier_score, crps_gaussian, crps_samples


@pytest.mark.parametrize(
    ("truth", "mean", "sd"), [(0.0, 0.0, 1.0), (1.7, -0.4, 0.6), (-3.0, 2.0, 5.0)]
)
def test_crps_is_the_integral_it_stands_for(truth, mean, sd):
    below, _ = quad(lambda x: norm.cdf(x, mean, sd) ** 2, -60, truth)
    above, _ = quad(lambda x: norm.sf(x, mean, sd) ** 2, truth, 60)
    found = crps_gaussian([truth], [mean], [sd])
    np.testing.assert_allclose(found, [below + above], rtol=1e-6)


def test_crps_of_a_sure_prediction_is_the_absolute_error():
    np.testing.assert_allclose(crps_gaussian([2.0], [5.0], [1e-9]), [3.0])


def test_crps_from_draws_is_unbiased():
    rng = np.random.default_rng(0)
    truth = np.full(20_000, 0.7)
    found = crps_samples(truth, rng.normal(0.1, 1.3, (20_000, 5)))
    exact = crps_gaussian([0.7], [0.1], [1.3])[0]
    assert found.mean() == pytest.approx(exact, abs=4 * found.std() / 20_000**0.5)


def test_crps_from_draws_is_the_double_sum():
    rng = np.random.default_rng(1)
    truth, samples = rng.normal(size=3), rng.normal(size=(3, 6))
    pairs = np.abs(samples[:, :, None] - samples[:, None]).sum(axis=(1, 2)) / 30
    expected = np.abs(samples - truth[:, None]).mean(axis=1) - pairs / 2
    np.testing.assert_allclose(crps_samples(truth, samples), expected)


def test_the_honest_distribution_scores_best():
    rng = np.random.default_rng(2)
    truth = rng.normal(0.0, 1.0, 50_000)
    zero, one = np.zeros_like(truth), np.ones_like(truth)
    honest = crps_gaussian(truth, zero, one).mean()
    for mean, sd in [(0.3, 1.0), (0.0, 0.6), (0.0, 1.6)]:
        assert crps_gaussian(truth, mean * one, sd * one).mean() > honest


def test_brier_score_by_hand():
    found = brier_score([2, 0], [[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]])
    assert found == pytest.approx((0.04 + 0.09 + 0.25 + 0.16 + 0.16) / 2)


def test_draws_that_do_not_match_are_refused(refused):
    with refused(DataError, "(2, 2 draws or more)", "(2, 1)", hint="twice"):
        crps_samples([0.0, 1.0], [[0.0], [1.0]])

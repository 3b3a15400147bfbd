import numpy as np
import pytest
from scipy.stats import median_abs_deviation, norm
from sklearn.metrics import root_mean_squared_error

from keras_astro.errors import DataError
from keras_astro.metrics import (
    bias,
    coverage,
    interval_coverage,
    pit,
    pulls,
    rmse,
    rmse_interval,
    sigma_nmad,
)


@pytest.fixture
def estimates():
    rng = np.random.default_rng(0)
    truth, sigma = rng.normal(size=4000), rng.uniform(0.1, 1.0, 4000)
    return truth, truth + 0.05 + sigma * rng.normal(size=4000), sigma


def test_errors_agree_with_scikit_learn_and_scipy(estimates):
    truth, prediction, _ = estimates
    assert rmse(truth, prediction) == pytest.approx(
        root_mean_squared_error(truth, prediction)
    )
    assert bias(truth, prediction) == pytest.approx(np.mean(prediction) - truth.mean())
    assert sigma_nmad(truth, prediction) == pytest.approx(
        median_abs_deviation(prediction - truth, scale="normal")
    )


def test_nmad_ignores_a_tenth_of_wild_rows(estimates):
    truth, prediction, _ = estimates
    wild = np.where(np.arange(4000) % 10 == 0, 1e6, prediction)
    assert sigma_nmad(truth, wild) < 1.4 * sigma_nmad(truth, prediction)


def test_rmse_interval_has_the_width_of_the_normal_theory():
    residual = np.random.default_rng(1).normal(size=2000)
    interval = rmse_interval(np.zeros(2000), residual)
    assert interval.value == pytest.approx(rmse(np.zeros(2000), residual))
    # The RMSE of n normal residuals has a standard error of 1 / sqrt(2 n).
    width = 2 * 1.96 / np.sqrt(2 * 2000)
    assert interval.high - interval.low == pytest.approx(width, rel=0.15)


@pytest.mark.parametrize("nominal", [0.5, 0.68, 0.95])
def test_coverage_of_honest_errors_is_nominal(estimates, nominal):
    truth, prediction, sigma = estimates
    found = coverage(truth, prediction - 0.05, sigma, nominal=nominal)
    assert found.low <= nominal <= found.high


def test_coverage_by_sigma_and_by_interval_is_the_same(estimates):
    truth, prediction, sigma = estimates
    half = norm.ppf(0.975) * sigma
    assert coverage(truth, prediction, sigma, nominal=0.95) == interval_coverage(
        truth, prediction - half, prediction + half
    )


def test_pit_is_the_normal_cdf_of_the_truth(estimates):
    truth, prediction, sigma = estimates
    np.testing.assert_allclose(
        pit(truth, prediction, sigma), norm.cdf(truth, prediction, sigma)
    )
    assert np.std(pulls(truth, prediction, sigma)) == pytest.approx(1.0, abs=0.05)


def test_impossible_error_bars_are_refused():
    with pytest.raises(DataError, match="positive"):
        pulls([1.0, 1.0], [1.0, 1.0], [0.1, 0.0])
    with pytest.raises(DataError, match="1 reversed"):
        interval_coverage([1.0, 1.0], [0.0, 2.0], [1.0, 1.0])
    with pytest.raises(DataError, match="one length"):
        rmse([1.0], [1.0, 2.0])

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest

from keras_astro.errors import DataError
from keras_astro.metrics import (
    conformal_p_values,
    conformal_threshold,
    realised_fpr,
    uniformity_band,
    uniformity_test,
)


def test_p_values_follow_the_definition():
    rng = np.random.default_rng(0)
    calibration, scores = rng.integers(0, 9, 40), rng.integers(0, 9, 15)
    expected = [(1 + np.sum(calibration >= score)) / 41 for score in scores]
    np.testing.assert_allclose(conformal_p_values(scores, calibration), expected)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("size", [99, 100, 500])
def test_threshold_and_p_values_flag_the_same_rows(rate, size):
    rng = np.random.default_rng(size)
    calibration, scores = rng.normal(size=size), rng.normal(size=2000) + 1
    flagged = scores > conformal_threshold(calibration, rate=rate)
    by_p_value = conformal_p_values(scores, calibration) <= rate * (1 + 1e-12)
    np.testing.assert_array_equal(flagged, by_p_value)
    assert 0 < flagged.mean() < 1


def test_threshold_keeps_its_promise_on_average():
    rng = np.random.default_rng(1)
    rates = [
        np.mean(
            rng.gumbel(size=400) > conformal_threshold(rng.gumbel(size=199), rate=0.05)
        )
        for _ in range(400)
    ]
    assert np.mean(rates) == pytest.approx(0.05, abs=0.003)


def test_threshold_says_how_many_rows_it_needs():
    with pytest.raises(DataError, match="at least 99 calibration rows, received 98"):
        conformal_threshold(np.arange(98.0), rate=0.01)
    assert conformal_threshold(np.arange(99.0), rate=0.01) == 98.0


def test_realised_rate_counts_normal_rows_alone():
    rate = realised_fpr([0] * 100 + [1] * 100, [True] * 2 + [False] * 98 + [True] * 100)
    assert rate.value == 0.02
    assert rate.low < 0.01 < 0.02 < rate.high
    with pytest.raises(DataError, match="0 of 0"):
        realised_fpr([1, 1], [True, False])


def test_uniformity_is_the_two_sample_test_of_the_scores():
    rng = np.random.default_rng(3)
    calibration, scores = rng.normal(size=150), rng.normal(size=220) + 0.1
    found = uniformity_test(
        conformal_p_values(scores, calibration), calibration_size=150
    )
    expected = ks_2samp(calibration, scores)
    assert found == pytest.approx((expected.statistic, expected.pvalue))


def test_uniformity_of_plain_p_values_is_the_one_sample_test():
    values = np.random.default_rng(4).uniform(size=80)
    expected = kstest(values, "uniform")
    assert uniformity_test(values) == pytest.approx(
        (expected.statistic, expected.pvalue)
    )


def test_uniformity_respects_the_shared_calibration_sample():
    rng = np.random.default_rng(5)
    rejected = {"aware": 0, "naive": 0}
    for _ in range(150):
        p_values = conformal_p_values(rng.normal(size=400), rng.normal(size=100))
        aware = uniformity_test(p_values, calibration_size=100)
        rejected["aware"] += aware.p_value < 0.05
        rejected["naive"] += uniformity_test(p_values).p_value < 0.05
    assert rejected["aware"] / 150 < 0.1 < 0.2 < rejected["naive"] / 150


def test_uniformity_refuses_what_is_no_probability():
    with pytest.raises(DataError, match=r"\[0, 1\]"):
        uniformity_test([0.2, 1.4])


def test_band_holds_the_realised_rate_as_often_as_it_says():
    rng = np.random.default_rng(6)
    band = uniformity_band([0.02, 0.2], rows=300, calibration_size=199)
    p_values = np.stack(
        [
            conformal_p_values(rng.normal(size=300), rng.normal(size=199))
            for _ in range(400)
        ]
    )
    for i, level in enumerate((0.02, 0.2)):
        realised = np.mean(p_values <= level + 1e-12, axis=1)
        inside = (band.low[i] <= realised) & (realised <= band.high[i])
        assert 0.93 <= inside.mean() <= 0.995


def test_band_is_certain_at_the_ends():
    band = uniformity_band([0.001, 1.0], rows=50, calibration_size=99)
    assert (band.low.tolist(), band.high.tolist()) == ([0.0, 1.0], [0.0, 1.0])

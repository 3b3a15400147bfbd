import numpy as np
import pytest
from scipy.stats import binomtest

from keras_astro.errors import DataError
from keras_astro.metrics import detection_curve


def test_rates_and_intervals_are_those_of_the_rows_in_the_bin():
    rng = np.random.default_rng(0)
    mass = rng.uniform(0, 4, 400)
    scores = mass + rng.normal(size=400)
    curve = detection_curve(scores, mass, threshold=2.0, bins=[0, 1, 2, 3, 4])
    for i in range(4):
        inside = (mass >= i) & (mass < i + 1)
        found = int(np.sum(scores[inside] > 2.0))
        exact = binomtest(found, int(inside.sum())).proportion_ci(method="exact")
        assert curve.count[i] == inside.sum()
        assert curve.rate[i] == pytest.approx(found / inside.sum())
        assert (curve.low[i], curve.high[i]) == pytest.approx((exact.low, exact.high))
        assert curve.centre[i] == pytest.approx(np.median(mass[inside]))
    assert np.all(np.diff(curve.rate) > 0)


def test_bins_of_equal_counts_use_every_row():
    curve = detection_curve(np.arange(97.0), np.arange(97.0), threshold=50, bins=8)
    assert curve.count.sum() == 97
    assert curve.count.max() - curve.count.min() <= 2
    assert curve.high_edge[-1] == 96.0


def test_empty_bins_are_left_out_and_a_constant_covariate_is_one_bin():
    curve = detection_curve([1.0, 2.0], [0.5, 2.5], threshold=0, bins=[0, 1, 2, 3])
    assert curve.low_edge.tolist() == [0.0, 2.0]
    flat = detection_curve([1.0, 3.0], [7.0, 7.0], threshold=2.0)
    assert (flat.rate.tolist(), flat.count.tolist()) == ([0.5], [2])


def test_a_row_at_the_threshold_is_not_detected():
    curve = detection_curve([1.0, 1.0 + 1e-9], [0.0, 1.0], threshold=1.0, bins=1)
    assert curve.rate.tolist() == [0.5]


@pytest.mark.parametrize("bins", [[1.0], [2.0, 1.0], [0.0, 0.0]])
def test_edges_must_increase(bins):
    with pytest.raises(DataError, match="increasing bin edges"):
        detection_curve([1.0], [1.0], threshold=0.0, bins=bins)


def test_edges_that_miss_all_rows_are_named():
    with pytest.raises(DataError, match="the covariate runs from 1 to 2"):
        detection_curve([0.0, 0.0], [1.0, 2.0], threshold=0.0, bins=[5, 6])

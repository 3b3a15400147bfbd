import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from keras_astro.errors import DataError
from keras_astro.metrics import (
    auc,
    auc_difference,
    auc_interval,
    roc_curve,
    tpr_at_fpr,
    tpr_at_fpr_interval,
)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [300, 200])
    # Rounding makes ties within and across the classes.
    scores = np.round(rng.normal(size=500) + labels, 1)
    return labels, scores


def test_roc_curve_is_scikit_learns(rows):
    ours = roc_curve(*rows)
    fpr, tpr, thresholds = sk.roc_curve(*rows, drop_intermediate=False)
    np.testing.assert_allclose(ours.fpr, fpr)
    np.testing.assert_allclose(ours.tpr, tpr)
    np.testing.assert_allclose(ours.thresholds, thresholds)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=40
    ).filter(lambda rows: len({label for label, _ in rows}) == 2)
)
def test_auc_is_scikit_learns_with_any_ties(rows):
    labels, scores = np.array(rows).T
    assert auc(labels, scores) == pytest.approx(sk.roc_auc_score(labels, scores))


@pytest.mark.parametrize("rate", [0.005, 0.01, 0.1, 0.5, 1.0])
def test_tpr_at_fpr_is_the_best_allowed_point_of_the_curve(rows, rate):
    fpr, tpr, _ = sk.roc_curve(*rows, drop_intermediate=False)
    assert tpr_at_fpr(*rows, rate=rate) == pytest.approx(tpr[fpr <= rate].max())


def test_tpr_allows_a_rate_that_is_met_exactly():
    labels = np.repeat([0, 1], [100, 2])
    scores = np.concatenate([np.arange(100.0), [98.5, 0.5]])
    # One false positive of one hundred is 1 %, in spite of rounding.
    assert tpr_at_fpr(labels, scores, rate=0.01) == 0.5


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1])
def test_tpr_refuses_what_is_no_rate(rows, rate):
    with pytest.raises(DataError, match="0 < rate <= 1"):
        tpr_at_fpr(*rows, rate=rate)


def test_auc_interval_covers_the_truth_as_often_as_it_says():
    # Two unit Gaussians one apart have AUC = Phi(1 / sqrt 2) = 0.7602.
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1], [80, 120])
    inside = []
    for _ in range(200):
        interval = auc_interval(labels, rng.normal(size=200) + labels, resamples=200)
        inside.append(interval.low <= 0.76025 <= interval.high)
    assert 0.90 <= np.mean(inside) <= 0.985


def test_auc_interval_repeats_and_widens_with_the_level(rows):
    narrow = auc_interval(*rows, level=0.5, seed=7)
    wide = auc_interval(*rows, level=0.99, seed=7)
    assert wide == auc_interval(*rows, level=0.99, seed=7)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


@pytest.mark.parametrize("sign", [1, -1])
def test_perfect_separation_is_not_certainty(sign):
    labels = np.repeat([0, 1], [10, 40])
    interval = auc_interval(labels, sign * labels)
    expected = 0.025 ** (1 / 10)
    if sign > 0:
        assert interval == pytest.approx((1.0, expected, 1.0))
    else:
        assert interval == pytest.approx((0.0, 0.0, 1 - expected))


def test_paired_difference_is_sharper_than_separate_intervals():
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1], 300)
    better = rng.normal(size=600) + 1.5 * labels
    worse = better + rng.normal(scale=0.5, size=600)
    difference = auc_difference(labels, better, worse)
    apart = auc_interval(labels, better), auc_interval(labels, worse)
    assert difference.value == pytest.approx(apart[0].value - apart[1].value)
    assert difference.low > 0
    assert apart[0].low < apart[1].high


def test_difference_of_a_score_from_itself_is_nothing(rows):
    labels, scores = rows
    assert auc_difference(labels, scores, 2.0 * scores) == (0.0, 0.0, 0.0)


def test_tpr_interval_contains_the_value_and_handles_certainty(rows):
    interval = tpr_at_fpr_interval(*rows, rate=0.1)
    assert interval.low < interval.value < interval.high
    labels = np.repeat([0, 1], 50)
    sure = tpr_at_fpr_interval(labels, labels)
    assert sure == pytest.approx((1.0, 0.025 ** (1 / 50), 1.0))

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from keras_astro.errors import DataError
from keras_astro.metrics import Interval, binomial_interval, bootstrap_interval
from keras_astro.metrics.arrays import paired, two_classes, vector


@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (3, 10), (10, 10), (5, 500)])
@pytest.mark.parametrize("level", [0.68, 0.95])
def test_binomial_interval_is_scipys_exact_one(successes, trials, level):
    ours = binomial_interval(successes, trials, level=level)
    theirs = binomtest(successes, trials).proportion_ci(level, method="exact")
    assert ours.value == successes / trials
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (3, 2), (-1, 4)])
def test_binomial_interval_refuses_impossible_counts(successes, trials):
    with pytest.raises(DataError, match=f"{successes} of {trials}"):
        binomial_interval(successes, trials)


def test_bootstrap_interval_agrees_with_scipys_percentile_bootstrap():
    values = np.random.default_rng(1).exponential(size=300)
    ours = bootstrap_interval(np.mean, values, resamples=4000)
    theirs = bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=2
    ).confidence_interval
    assert ours.value == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.012)


def test_bootstrap_keeps_rows_together_and_repeats_with_the_seed():
    x = np.arange(50.0)
    interval = bootstrap_interval(lambda a, b: np.corrcoef(a, b)[0, 1], x, -x)
    assert interval == pytest.approx((-1.0, -1.0, -1.0))
    first = bootstrap_interval(np.mean, x, seed=3)
    assert first == bootstrap_interval(np.mean, x, seed=3)
    assert first != bootstrap_interval(np.mean, x, seed=4)


def test_interval_prints_and_flips():
    interval = Interval(0.9, 0.8, 0.95)
    assert str(interval) == "0.9 [0.8, 0.95]"
    assert interval.flipped() == pytest.approx((0.1, 0.05, 0.2))


@pytest.mark.parametrize("values", [[], [[1.0]], 3.0])
def test_vector_refuses_other_shapes(values):
    with pytest.raises(DataError, match="scores: expected a non-empty vector"):
        vector("scores", values)


def test_vector_counts_what_is_not_finite():
    with pytest.raises(DataError, match="2 of 3") as caught:
        vector("scores", [np.nan, 1.0, np.inf])
    assert "Drop or flag" in caught.value.hint


def test_paired_names_the_lengths():
    with pytest.raises(DataError, match="truth has 2, prediction has 3 rows"):
        paired(truth=[1, 2], prediction=[1, 2, 3])


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], [0, 2]])
def test_two_classes_needs_zero_and_one(labels):
    with pytest.raises(DataError, match="expected both classes"):
        two_classes(labels, [0.1, 0.2])

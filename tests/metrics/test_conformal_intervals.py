import numpy as np
import pytest
from scipy.stats import beta, norm

from keras_astro.errors import DataError
from keras_astro.metrics import (
    conformal_half_width,
    conformal_quantile,
    conformal_scale,
    conformal_widening,
)


@pytest.mark.parametrize("level", [0.5, 0.68, 0.9, 0.95])
@pytest.mark.parametrize("rows", [19, 20, 99, 1000])
def test_quantile_is_the_stated_rank(level, rows):
    scores = np.random.default_rng(0).permutation(np.arange(1.0, rows + 1))
    rank = -(-round(100 * level) * (rows + 1) // 100)  # in whole numbers
    assert conformal_quantile(scores, level=level) == rank


@pytest.mark.parametrize(("level", "least"), [(0.5, 1), (0.9, 9), (0.95, 19)])
def test_too_few_rows_are_refused(refused, level, least):
    assert conformal_quantile(np.arange(least), level=level) == least - 1
    if least > 1:
        with refused(DataError, f"at least {least} calibration rows"):
            conformal_quantile(np.arange(least - 1), level=level)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, float("nan")])
def test_impossible_levels_are_refused(refused, level):
    with refused(DataError, "expected between 0 and 1", hint="divide percentages"):
        conformal_quantile(np.arange(9.0), level=level)


def simulated(rng, rows):
    """A misfit model of heteroscedastic data: biased, and errors half as large."""
    x = rng.uniform(0.5, 2.0, rows)
    truth = x + x * rng.standard_t(3, rows)
    return truth, x + 0.3, 0.5 * x


def coverage_of(interval, *, rows, level, trials=400):
    """Mean coverage over draws of calibration and test rows."""
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(trials):
        low, high, truth = interval(
            simulated(rng, rows), simulated(rng, 200), level=level
        )
        inside.append(np.mean((low <= truth) & (truth <= high)))
    return np.mean(inside), np.std(inside) / np.sqrt(trials)


def absolute(held, test, *, level):
    q = conformal_half_width(held[0], held[1], level=level)
    return test[1] - q, test[1] + q, test[0]


def normalised(held, test, *, level):
    q = conformal_scale(*held, level=level)
    return test[1] - q * test[2], test[1] + q * test[2], test[0]


def quantiles(held, test, *, level):
    half = norm.ppf(0.5 + level / 2)
    low, high = ([m + s * half * e for _, m, e in (held, test)] for s in (-1, 1))
    q = conformal_widening(held[0], low[0], high[0], level=level)
    return low[1] - q, high[1] + q, test[0]


@pytest.mark.parametrize("interval", [absolute, normalised, quantiles])
@pytest.mark.parametrize(("rows", "level"), [(19, 0.9), (50, 0.68), (200, 0.95)])
def test_intervals_of_a_bad_model_hold_what_they_promise(interval, rows, level):
    found, error = coverage_of(interval, rows=rows, level=level)
    # Exactly ceil((n + 1) level) / (n + 1) for scores without ties.
    expected = np.ceil((rows + 1) * level * (1 - 1e-12)) / (rows + 1)
    assert abs(found - expected) < 4 * error
    assert expected >= level


def test_coverage_given_the_calibration_rows_is_beta():
    rng = np.random.default_rng(2)
    rows, level = 50, 0.9
    rank = int(np.ceil(level * (rows + 1)))
    held = [
        conformal_quantile(rng.uniform(size=rows), level=level) for _ in range(2000)
    ]
    law = beta(rank, rows + 1 - rank)
    assert np.mean(held) == pytest.approx(law.mean(), abs=4 * law.std() / 2000**0.5)
    assert np.std(held) == pytest.approx(law.std(), rel=0.1)


def test_normalised_intervals_follow_the_errors():
    rng = np.random.default_rng(3)
    held = simulated(rng, 500)
    q = conformal_scale(*held, level=0.9)
    assert q == pytest.approx(
        conformal_quantile(np.abs(held[0] - held[1]) / held[2], level=0.9)
    )


def test_too_wide_quantiles_are_narrowed():
    truth = np.linspace(-1, 1, 99)
    q = conformal_widening(truth, np.full(99, -10.0), np.full(99, 10.0), level=0.9)
    assert q == pytest.approx(-(10 - np.sort(np.abs(truth))[89]))

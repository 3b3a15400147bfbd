"""Correction and intervals by a handful of known stars."""

import numpy as np
import pytest

from keras_astro.tasks.few_shot import (
    PRIOR_ROWS,
    PRIOR_SCALE,
    fit_correction,
    interval_factors,
)

UNITS = {"center": 0.0, "unit": 1.0}


def rms_after(shift, *, stars=5, draws=400, seed=0):
    """Of further rows, relative to no correction, over draws of known stars."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        truth = rng.normal(size=stars)
        estimate = truth + shift + rng.normal(size=stars)
        made = fit_correction(truth, estimate, **UNITS)
        new = rng.normal(size=50)
        seen = new + shift + rng.normal(size=50)
        moved = seen + made.offset + made.slope * seen
        found.append([np.mean((moved - new) ** 2), np.mean((seen - new) ** 2)])
    after, before = np.mean(found, axis=0)
    return np.sqrt(after / before)


def test_a_shared_shift_is_mostly_taken_away():
    assert rms_after(2.0) < 0.75
    assert rms_after(1.0) < 0.9


def test_where_nothing_is_wrong_little_is_lost():
    assert rms_after(0.0) < 1.06


def test_a_slope_is_found_by_many_rows():
    truth = np.linspace(-2, 2, 400)
    found = fit_correction(truth, truth / 1.25, **UNITS)
    assert found.slope == pytest.approx(0.25, abs=0.02)


def test_left_out_errors_do_not_know_their_star():
    truth = np.zeros(5)
    estimate = np.array([0.0, 0.0, 0.0, 0.0, 100.0])
    found = fit_correction(truth, estimate, **UNITS)
    assert found.left[4] == pytest.approx(-100)


@pytest.mark.parametrize("wrong", [0.7, 1.0, 1.4])
def test_scaled_intervals_hold_what_they_say_on_average(wrong):
    rng = np.random.default_rng(1)
    half = np.array([0.9945, 1.96])
    held = []
    for _ in range(1500):
        # The true scale of a label varies as much as the prior says.
        true = wrong * PRIOR_SCALE * np.sqrt(PRIOR_ROWS / rng.chisquare(PRIOR_ROWS))
        factors = interval_factors(true * rng.normal(size=(5, 1)))[0]
        held.append(np.abs(true * rng.normal()) < factors * half)
    found = np.mean(held, axis=0)
    # Where the prior is right, exactly so; where it is not, nearly.
    off = 0.03 if wrong == 1.0 else 0.1
    assert found[0] == pytest.approx(0.68, abs=off)
    assert found[1] == pytest.approx(0.95, abs=off / 2)

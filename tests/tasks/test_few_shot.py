"""Correction and intervals by a handful of known stars."""

import numpy as np
import pytest

from keras_astro.tasks.few_shot import (
    PRIOR_ROWS,
    PRIOR_SCALE,
    SHIFT,
    fit_shift,
    interval_factors,
)


def test_a_shift_is_found_by_many_rows():
    rng = np.random.default_rng(0)
    errors = np.array([3.0, -1.0]) + rng.normal(size=(2000, 2))
    found, left = fit_shift(errors)
    assert found == pytest.approx([3.0, -1.0], abs=0.1)
    assert left.mean(axis=0) == pytest.approx([0, 0], abs=0.1)


def test_of_a_few_rows_little_is_believed():
    found, _ = fit_shift(np.full((5, 1), 2.0))
    assert found[0] == pytest.approx(10 / (5 + SHIFT))


def test_left_out_errors_do_not_know_their_star():
    _, left = fit_shift(np.array([[0.0], [0.0], [0.0], [0.0], [100.0]]))
    assert left[4, 0] == 100
    assert left[0, 0] == pytest.approx(-100 / (4 + SHIFT))


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

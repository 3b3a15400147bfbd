"""Correction by a handful of known stars: it must pay on stars left out."""

import numpy as np
import pytest

from keras_astro.tasks.few_shot import fit_correction

UNITS = {"center": 0.0, "unit": 1.0}


def test_a_shared_shift_is_taken_away():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=5)
    found = fit_correction(truth, truth + 2 + 0.05 * rng.normal(size=5), **UNITS)
    assert found.offset == pytest.approx(-2, abs=0.1)
    assert found.loo_after < 0.1 < found.loo_before


def test_a_slope_is_found_by_many_rows():
    truth = np.linspace(-2, 2, 40)
    found = fit_correction(truth, truth / 1.25, **UNITS)
    assert found.slope == pytest.approx(0.25, abs=0.02)


def test_noise_is_left_alone():
    rng = np.random.default_rng(1)
    kept = 0
    for _ in range(40):
        truth = rng.normal(size=5)
        found = fit_correction(truth, truth + rng.normal(size=5), **UNITS)
        assert found.loo_after <= found.loo_before
        kept += found.offset == found.slope == 0
    # Chance makes a correction seem to pay at times, never as a rule.
    assert kept > 12

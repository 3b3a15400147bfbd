"""Intervals that grow for a shift between domains."""

import numpy as np
import pytest

from keras_astro.layers.ensemble import ConformalBounds
from keras_astro.tasks.dressing import widening


def test_only_a_shift_beyond_chance_widens():
    widths = np.full((10, 2), 2.0)
    found = widening(np.array([3.0, -0.5]), np.array([1.0, 1.0]), widths)
    assert found == pytest.approx([3.0, 1.0])


def test_bounds_widen_about_the_mean():
    bounds = ConformalBounds(1)
    mean, sd = np.zeros((1, 1), "float32"), np.ones((1, 1), "float32")
    bounds([mean, sd])
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(500, 1))
    bounds.calibrate(truth, 0 * truth, np.ones_like(truth))
    before = np.asarray(bounds([mean, sd]))
    bounds.widen([2.0])
    assert np.asarray(bounds([mean, sd])) == pytest.approx(2 * before)

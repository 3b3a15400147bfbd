"""Shear bias against a known line."""

import numpy as np
import pytest

from keras_astro.errors import DataError
from keras_astro.metrics.shear import shear_bias


def test_recovers_slope_and_offset_with_honest_intervals():
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(200):
        truth = rng.uniform(-0.5, 0.5, 100)
        estimate = 0.95 * truth + 0.01 + 0.05 * rng.normal(size=100)
        m, c = shear_bias(truth, estimate)
        hits.append((m.low <= -0.05 <= m.high, c.low <= 0.01 <= c.high))
    assert np.mean(hits, axis=0) == pytest.approx([0.95, 0.95], abs=0.05)


def test_constant_shear_is_refused(refused):
    with refused(DataError, "different shear"):
        shear_bias([0.1, 0.1, 0.1], [0.1, 0.2, 0.3])

"""Distances of distributions of codes, against NumPy and plain cases."""

import numpy as np
import pytest
from keras import ops

from keras_astro.losses.alignment import (
    WIDTHS,
    coral,
    maximum_mean_discrepancy,
    mean_distance,
)

RNG = np.random.default_rng(0)
A = RNG.normal(size=(60, 3)).astype("float32")
B = (RNG.normal(size=(40, 3)) * 1.5 + 0.4).astype("float32")


def test_mmd_is_that_of_its_definition():
    def kernel(a, b):
        square = ((a[:, None] - b[None]) ** 2).sum(-1)
        return np.mean([np.exp(-square / (w * 6)) for w in WIDTHS])

    expected = kernel(A, A) + kernel(B, B) - 2 * kernel(A, B)
    assert float(maximum_mean_discrepancy(A, B)) == pytest.approx(expected, rel=1e-4)
    assert float(maximum_mean_discrepancy(A, A)) == pytest.approx(0, abs=1e-6)
    far = float(maximum_mean_discrepancy(A, ops.convert_to_tensor(B) + 3.0))
    assert far > 2 * expected


def test_moments_are_those_of_numpy():
    covariances = np.cov(A.T) - np.cov(B.T)
    assert float(coral(A, B)) == pytest.approx((covariances**2).mean(), rel=1e-4)
    means = A.mean(0) - B.mean(0)
    assert float(mean_distance(A, B)) == pytest.approx((means**2).mean(), rel=1e-4)

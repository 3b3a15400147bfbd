"""Rounded weights: the integers are right, and errors cancel where rows are alike."""

import numpy as np
import pytest

from keras_astro.exports.rounding import LARGEST, compensated, nearest

RNG = np.random.default_rng(3)


def outputs_differ(rounded, kernel, rows):
    integers, scale = rounded
    found = rows @ (integers * scale[:, None]).T
    return np.sqrt(np.mean((found - rows @ kernel.T) ** 2))


def test_nearest_weights_are_within_half_a_step_of_each_output():
    kernel = RNG.normal(size=(5, 64)) * np.logspace(-3, 3, 5)[:, None]
    integers, scale = nearest(kernel)
    assert integers.dtype == np.int8
    np.testing.assert_allclose(scale, np.abs(kernel).max(axis=1) / LARGEST)
    error = np.abs(integers * scale[:, None] - kernel)
    assert (error <= 0.5 * scale[:, None] * (1 + 1e-9)).all()


@pytest.mark.parametrize("dimensions", [4, 16])
def test_errors_cancel_on_new_rows_that_fill_few_dimensions(dimensions):
    # Seen rows calibrate; new ones of the same kind must gain too.
    spread = RNG.normal(size=(dimensions, 96))
    seen, new = (RNG.normal(size=(n, dimensions)) @ spread for n in (200, 300))
    kernel = RNG.normal(size=(12, 96))
    with_moments = compensated(kernel, seen.T @ seen / len(seen))
    assert np.abs(with_moments[0].astype(int)).max() <= LARGEST
    plain = outputs_differ(nearest(kernel), kernel, new)
    assert outputs_differ(with_moments, kernel, new) < 0.3 * plain


def test_inputs_that_never_come_leave_finite_weights():
    moments = np.zeros((32, 32))
    integers, scale = compensated(RNG.normal(size=(3, 32)), moments)
    assert np.isfinite(scale).all()
    np.testing.assert_array_equal(np.abs(integers.astype(int)).max(axis=1) > 60, True)

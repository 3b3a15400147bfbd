"""Refinement of codes: least squares with known answers, weights, covariance."""

import numpy as np
import pytest

from keras_astro.models import refine as module
from keras_astro.models.refine import refine

RNG = np.random.default_rng(0)
X = np.linspace(-3, 3, 40)


def bumps(z):
    """A nonlinear decoder: height, place and width of a bump."""
    height, place, width = (z[:, i : i + 1].astype(float) for i in range(3))
    return (height * np.exp(-0.5 * ((X - place) / np.exp(width)) ** 2)).astype("f4")


def start(truth, sd):
    return (truth + sd * RNG.normal(size=truth.shape)).astype("float32")


def test_a_nonlinear_code_is_found_to_rounding():
    truth = np.column_stack([RNG.uniform(0.5, 1, 20), RNG.normal(0, 0.5, (20, 2))])
    seen = bumps(truth)
    found = refine(bumps, start(truth, 0.15), seen, np.ones_like(seen))
    assert np.abs(found.z - truth).max() < 2e-3
    assert found.chi_square.max() < 1e-6
    assert (found.chi_square <= found.before).all()


def test_covariance_of_a_linear_decoder_is_the_textbook_one():
    design = RNG.normal(size=(3, 40)).astype("float32")
    weight = RNG.uniform(0.5, 4.0, (5, 40)).astype("float32")
    seen = (RNG.normal(size=(5, 3)) @ design).astype("float32")
    zero = np.zeros((5, 3), "float32")
    found = refine(lambda z: z @ design, zero, seen, weight)
    for row in range(5):
        exact = np.linalg.inv(design * weight[row] @ design.T)
        assert np.allclose(found.covariance[row], exact, rtol=1e-3)


def test_errors_are_as_large_as_estimates_scatter():
    truth = np.repeat([[0.8, 0.2, -0.1]], 400, axis=0)
    sigma = 0.02
    seen = bumps(truth) + sigma * RNG.normal(size=(400, 40)).astype("float32")
    weight = np.full(seen.shape, 1 / sigma**2, "float32")
    found = refine(bumps, truth.astype("float32"), seen, weight)
    pulls = (found.z - truth) / np.sqrt(np.einsum("rll->rl", found.covariance))
    assert np.allclose(pulls.std(axis=0), 1.0, atol=0.12)
    assert found.chi_square.mean() == pytest.approx(37, rel=0.05)
    free = refine(
        bumps, truth.astype("f4"), seen, np.ones_like(seen), errors_known=False
    )
    ratio = free.covariance[:, 0, 0].mean() / found.covariance[:, 0, 0].mean()
    assert ratio == pytest.approx(1.0, rel=0.1)


def test_pixels_of_no_weight_do_not_count_whatever_they_hold():
    truth = np.array([[0.9, 0.3, 0.1]], "float32")
    seen, weight = bumps(truth), np.ones((1, 40), "float32")
    weight[:, 10:20] = 0.0
    spoilt = seen.copy()
    spoilt[:, 10:20] = 7.0
    clean = refine(bumps, start(truth, 0.1), seen, weight)
    other = refine(bumps, start(truth, 0.1), spoilt, weight)
    assert np.allclose(other.z, truth, atol=2e-3)
    assert np.allclose(clean.z, truth, atol=2e-3)


def test_latents_that_do_nothing_stay_and_harm_nobody():
    def padded(z):
        return bumps(z[:, :3])

    truth = np.array([[0.9, 0.3, 0.1, 5.0]], "float32")
    begin = truth + np.array([[0.1, 0.1, 0.1, 0.0]], "float32")
    seen = padded(truth)
    found = refine(padded, begin, seen, np.ones_like(seen))
    assert found.z[0, 3] == 5.0
    assert np.isfinite(found.covariance).all()
    assert found.chi_square[0] < 1e-6


def test_rows_do_not_depend_on_how_many_are_refined_together(monkeypatch):
    truth = np.column_stack([RNG.uniform(0.5, 1, 6), RNG.normal(0, 0.5, (6, 2))])
    seen, begin = bumps(truth), start(truth, 0.1)
    together = refine(bumps, begin, seen, np.ones_like(seen))
    monkeypatch.setattr(module, "TOGETHER", 300)
    alone = refine(bumps, begin, seen, np.ones_like(seen))
    assert np.allclose(together.z, alone.z, atol=1e-4)


def test_no_steps_leave_codes_as_they_are():
    begin = np.array([[0.5, 0.1, 0.2]], "float32")
    found = refine(bumps, begin, bumps(begin + 1), np.ones((1, 40)), steps=0)
    assert np.array_equal(found.z, begin)
    assert np.array_equal(found.chi_square, found.before)


def narrow(z):
    """A bump of known width: far from its place it feels no slope."""
    return np.exp(-0.5 * ((X - 4.0 * z[:, :1].astype(float)) / 0.12) ** 2).astype("f4")


def test_other_starts_find_a_line_that_one_start_misses():
    truth = np.array([[0.05], [0.3], [-0.25]], "float32")
    begin, seen = np.zeros_like(truth), narrow(truth)
    one = np.ones_like(seen)
    lost = refine(narrow, begin, seen, one)
    assert np.abs(lost.z - truth)[0] < 1e-3
    assert (np.abs(lost.z - truth)[1:] > 0.1).all()
    found = refine(narrow, begin, seen, one, starts=[[-0.3], [0.3]])
    assert np.abs(found.z - truth).max() < 1e-3
    assert found.before.tolist() == lost.before.tolist()
    # Of many starts those that are nearest to a row are tried.
    many = np.linspace(-0.5, 0.5, 101)[:, None]
    again = refine(narrow, begin, seen, one, starts=many)
    assert np.abs(again.z - truth).max() < 1e-3
    # The row that one start explains is not begun again.
    assert found.z[0] == lost.z[0]
    assert found.covariance[0] == lost.covariance[0]
    assert np.isclose(found.covariance[1], found.covariance[0], rtol=0.05)

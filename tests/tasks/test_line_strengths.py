"""What labelled stars show of the strength of lines."""

import numpy as np
import pytest

from keras_astro.tasks import line_strengths as module
from keras_astro.tasks.line_strengths import (
    UNSURE,
    emulator,
    line_strengths,
    pixel_noise,
)
from keras_astro.tasks.population import curvature

X = np.arange(800.0)
PLACES = [100, 300, 500, 700]
SHAPES = np.array([np.exp(-0.5 * ((X - c) / 6) ** 2) for c in PLACES])


def stars(count, seed=0):
    """Depths of synthetic stars, and their labels."""
    rng = np.random.default_rng(seed)
    depths, labels = rng.uniform(0.3, 0.7, count), rng.normal(size=(count, 2))
    return np.outer(depths, SHAPES.sum(axis=0)), labels


def noisy(depth, noise, seed=1):
    return depth + noise * np.random.default_rng(seed).normal(size=depth.shape)


def test_lines_and_their_change_with_labels_are_found_by_many_stars():
    depth, labels = stars(200)
    true = np.array([0.2, -0.1, 0.1, 0.0]) @ SHAPES
    change = np.array([0.0, 0.1, -0.1, 0.05]) @ SHAPES
    wrong = depth * (true + labels[:, [1]] * change)
    found = line_strengths(noisy(depth + wrong, 0.01), depth, labels)
    assert found.excess[2, PLACES] == pytest.approx(change[PLACES], abs=0.02)
    assert np.abs(found.excess[1, PLACES]).max() < 0.02
    # What the broadening takes from lines, it gives back.
    missing = found.missing(depth, labels)
    assert np.abs(missing - wrong)[:, PLACES].max() < 0.01
    assert np.mean((missing - wrong) ** 2) < 0.01 * np.mean(wrong**2)


def test_of_five_noisy_stars_part_is_believed():
    depth, labels = stars(5)
    missing = line_strengths(noisy(1.2 * depth, 0.01), depth, labels).missing(
        depth, labels
    )
    share = (missing / (0.2 * depth))[:, PLACES].mean()
    assert share == pytest.approx(5 / (5 + UNSURE), abs=0.1)
    # Between lines, nothing can be seen of them.
    assert np.abs(missing[:, [200, 400, 600]]).max() < 0.001


def test_a_noisy_star_hardly_counts():
    depth, labels = stars(5)
    seen = noisy(1.2 * depth, 0.01)
    without = line_strengths(seen[:4], depth[:4], labels[:4])
    seen[4] = noisy(depth[4], 0.3)
    found = line_strengths(seen, depth, labels)
    more = 5 / (5 + UNSURE) * (4 + UNSURE) / 4
    left = found.missing(depth, labels) - more * without.missing(depth, labels)
    assert np.sqrt(np.mean(left[:4, PLACES] ** 2)) < 0.01


def test_a_bad_pixel_says_nothing(monkeypatch):
    """As if the star were not there; elsewhere, as if the pixel were good."""
    depth, labels = stars(5)
    seen, good = noisy(1.2 * depth, 0.01), np.ones(depth.shape, bool)
    good[4, 250:350] = False
    # The broadening is of all pixels, and changes a little.
    monkeypatch.setattr(module, "BROADENING", 1e12)
    without = line_strengths(seen[:4], depth[:4], labels[:4]).excess
    whole = line_strengths(seen, depth, labels).excess
    for filled in (depth, 0 * depth, np.full_like(depth, np.nan)):
        spoilt = np.where(good, seen, filled)
        found = line_strengths(spoilt, depth, labels, good).excess
        # Smoothing reaches two pixels; the star's noise is that of its good pixels.
        assert found[:, 253:347] == pytest.approx(without[:, 253:347], rel=1e-6)
        assert found[:, 400:600] == pytest.approx(whole[:, 400:600], abs=0.002)
    filled = line_strengths(np.where(good, seen, depth), depth, labels).excess
    assert np.abs(filled[0, 300] / without[0, 300] - 1) > 0.1


def test_a_star_without_good_pixels_is_as_none():
    depth, labels = stars(5)
    seen, good = noisy(1.2 * depth, 0.01), np.ones(depth.shape, bool)
    good[4] = False
    without = line_strengths(seen[:4], depth[:4], labels[:4])
    found = line_strengths(seen, depth, labels, good)
    assert found.excess == pytest.approx(without.excess)
    assert found.broadening == pytest.approx(without.broadening)


def test_noise_is_that_of_good_pixels():
    depth, _ = stars(3)
    seen, good = noisy(depth, 0.02), np.ones(depth.shape, bool)
    good[:, :500], seen[:, :500] = False, 0.0
    assert pixel_noise(seen, good) == pytest.approx(0.02, rel=0.25)
    assert np.isinf(pixel_noise(seen, np.zeros_like(good))).all()


def test_broadening_is_told_from_strength():
    depth, labels = stars(300)
    seen = noisy(depth + 0.5 * curvature(depth), 0.003)
    found = line_strengths(seen, depth, labels)
    assert found.broadening == pytest.approx(0.5, abs=0.06)
    assert np.abs(found.excess[0, PLACES]).max() < 0.01


def test_without_stars_nothing_is_known():
    found = line_strengths(np.zeros((0, 30)), np.zeros((0, 30)), np.zeros((0, 4)))
    assert found.excess.shape == (5, 30)
    assert not found.missing(np.ones((2, 30)), np.ones((2, 4))).any()


def test_lines_are_no_noise():
    depth, _ = stars(3)
    assert pixel_noise(noisy(depth, 0.02)) == pytest.approx(0.02, rel=0.25)


def test_few_rows_get_a_lower_degree():
    labels = np.random.default_rng(0).uniform(1, 2, (60, 4))
    values = labels[:, :3] @ np.ones((3, 2))
    found = emulator(labels, values)
    assert found(labels) == pytest.approx(values, abs=0.01)
    assert found(10 * labels[:1]).max() < 1e3

"""What populations of observed and synthetic stars say of lines."""

import numpy as np
import pytest

from keras_astro.tasks.dressing import rolled
from keras_astro.tasks.population import (
    Lines,
    curvature,
    explained,
    population_lines,
    with_constant,
)

X = np.arange(900.0)
PLACES = (100, 300, 500, 700)


def mean_depth(strengths=(1, 1, 1, 1), width=6.0):
    shape = [np.exp(-0.5 * ((X - c) / width) ** 2) for c in PLACES]
    return 0.4 * np.asarray(strengths) @ np.array(shape)


def test_single_lines_are_found():
    true = np.array([1.3, 0.9, 1.1, 1.0])
    found = population_lines(mean_depth(true), lambda a: a.applied(mean_depth()))
    ratio = 1 + found.strengths[list(PLACES)]
    assert ratio == pytest.approx(true, abs=0.03)


def test_all_lines_are_found_behind_another_continuum():
    """A grey excess is not drawn to none, and a constant is no line."""
    seen = 1.2 * mean_depth() - 0.01
    found = population_lines(seen, lambda a: a.applied(mean_depth()))
    assert found.strengths[list(PLACES)] == pytest.approx(np.full(4, 0.2), abs=0.01)


def test_broadening_is_partly_believed():
    seen = mean_depth() + 0.5 * curvature(mean_depth())
    found = population_lines(seen, lambda a: a.applied(mean_depth()))
    assert 0.1 < found.broadening <= 0.5
    assert np.abs(found.strengths[list(PLACES)]).max() < 0.03


def test_broadening_keeps_the_strength_of_lines():
    depth = mean_depth()[None]
    assert Lines(np.zeros(900), 2.0).applied(depth).sum() == pytest.approx(depth.sum())


def test_what_codes_explain_is_no_noise():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(400, 3))
    noise = rng.normal(size=(400, 20))
    values = 2.0 + codes @ rng.normal(size=(3, 20)) + noise
    left = values - with_constant(codes) @ explained(codes, values)
    assert left.std() == pytest.approx(noise.std(), rel=0.02)


def test_rolled_rows_are_moved_far_enough():
    noise = np.tile(np.arange(50.0), (200, 1))
    place = np.argmin(rolled(noise, np.random.default_rng(0)), axis=1)
    assert place.min() >= 5
    assert place.max() <= 45

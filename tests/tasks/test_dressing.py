"""Intervals that grow for a shift between domains."""

import numpy as np
import pytest

from keras_astro.layers.ensemble import ConformalBounds
from keras_astro.tasks.dressing import BEYOND, TAKEN, doubted, widening


def test_intervals_grow_for_chance_and_for_what_it_does_not_explain():
    widths, chance = np.full((10, 2), 2.0), np.array([1.0, 1.0])
    found = widening(np.array([3.0, -1.9]), chance, widths)
    by_chance = 1 + TAKEN
    beyond = 9 - BEYOND**2
    assert found == pytest.approx(np.sqrt([by_chance + beyond, by_chance]))
    # Of endless rows, any shift is an error.
    assert widening(np.array([3.0]), np.zeros(1), widths[:, :1])[0] == pytest.approx(
        np.sqrt(10)
    )


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


def test_bounds_take_a_factor_for_each_end():
    bounds = ConformalBounds(1)
    row = np.zeros((1, 1), "float32"), np.ones((1, 1), "float32")
    bounds(row)
    bounds.factors.assign([[-1.0, 1.0, -2.0, 2.0]])
    bounds.widen([[1.0, 1.0, 3.0, 3.0]])
    assert np.asarray(bounds(row))[0, 0].tolist() == [-1.0, 1.0, -6.0, 6.0]


def lines(rows):
    """The same three lines in every row."""
    x = np.arange(600.0)
    depth = sum(0.5 * np.exp(-0.5 * ((x - c) / 6) ** 2) for c in (100, 300, 500))
    return np.tile(depth, (rows, 1))


def test_doubted_lines_differ_by_as_much_as_asked():
    depth = lines(800)
    found = doubted(depth, np.random.default_rng(0), lines=0.1, widths=0.0)
    ratio = found[:, [100, 300, 500]] / depth[:, [100, 300, 500]] - 1
    # An error of each line and one of all lines of a row.
    assert ratio.std() == pytest.approx(0.1 * np.sqrt(2), rel=0.1)
    assert np.corrcoef(ratio.T)[0, 1] == pytest.approx(0.5, abs=0.1)
    assert np.abs(found[depth < 1e-6]).max() < 1e-5


def test_doubted_widths_keep_the_strength():
    depth = lines(500)
    found = doubted(depth, np.random.default_rng(0), lines=0.0, widths=0.05)
    assert found.sum(axis=1) == pytest.approx(depth.sum(axis=1), rel=1e-3)
    x = np.arange(200) - 100.0
    width = np.sqrt((found[:, :200] * x**2).sum(axis=1) / found[:, :200].sum(axis=1))
    assert np.std(width / 6) == pytest.approx(0.05, rel=0.15)

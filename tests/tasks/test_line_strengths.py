"""What labelled stars show of the strength of lines."""

import numpy as np
import pytest

from keras_astro.tasks.line_strengths import emulator, line_strengths

X = np.arange(800.0)
PLACES = (100, 300, 500, 700)


def stars(strengths, depths, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    shape = [np.exp(-0.5 * ((X - c) / 6) ** 2) for c in PLACES]
    clean = np.outer(depths, np.sum(shape, axis=0))
    seen = np.outer(depths, strengths @ np.array(shape))
    return seen + noise * rng.normal(size=seen.shape), clean


def test_strong_lines_are_found_and_noise_is_not():
    true = np.array([1.2, 0.9, 1.1, 1.0])
    seen, clean = stars(true, np.full(5, 0.5), noise=0.01)
    found, doubt = line_strengths(seen, clean)
    # Shrunk towards none, by half for lines as deep as these.
    assert found[list(PLACES)] == pytest.approx(0.42 * (true - 1), abs=0.02)
    assert np.abs(found[[200, 400, 600]]).max() < 0.02
    # Less doubt is left where lines are seen, and all of it where there are none.
    assert doubt[list(PLACES)] == pytest.approx(np.sqrt(1 - 0.42), abs=0.02)
    assert doubt[[200, 400, 600]] == pytest.approx(1.0, abs=0.01)


def test_weak_lines_are_hardly_believed():
    seen, clean = stars(np.full(4, 2.0), np.full(5, 0.02))
    assert np.abs(line_strengths(seen, clean)[0]).max() < 0.05


def test_without_stars_nothing_is_known():
    found, doubt = line_strengths(np.zeros((0, 30)), np.zeros((0, 30)))
    assert not found.any()
    assert np.all(doubt == 1)


def test_few_rows_get_a_lower_degree():
    labels = np.random.default_rng(0).uniform(1, 2, (60, 4))
    values = labels[:, :3] @ np.ones((3, 2))
    found = emulator(labels, values)
    assert found(labels) == pytest.approx(values, abs=0.01)
    assert found(10 * labels[:1]).max() < 1e3

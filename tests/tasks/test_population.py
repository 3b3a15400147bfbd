"""What populations of observed and synthetic stars say of lines."""

import numpy as np
import pytest

from keras_astro.errors import DataError
from keras_astro.tasks.dressing import rolled
from keras_astro.tasks.population import (
    Lines,
    curvature,
    population_lines,
    unexplained,
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


@pytest.mark.parametrize("rows", [20, 40, 200, 2000])
def test_what_codes_explain_is_no_noise(rows):
    """Noise of few rows, too, is what it is, and that of rows that fitted nothing."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(32, 200))

    def draw(count):
        codes = rng.normal(size=(count, 32)) * 0.6 ** np.arange(32)
        noise = rng.normal(size=(count, 200))
        return codes, 2.0 + codes @ weights + noise

    left, rest = unexplained(*draw(rows))
    bound = 0.02 if rows == 2000 else 0.2
    assert left.std() == pytest.approx(1, rel=bound)
    assert rest(*draw(200)).std() == pytest.approx(left.std(), rel=bound)


def test_two_rows_are_not_explained_away():
    rng = np.random.default_rng(0)
    left, _ = unexplained(rng.normal(size=(2, 32)), rng.normal(size=(2, 50)))
    assert left.std() == pytest.approx(1, rel=0.3)


def test_noise_of_a_single_row_is_all_of_it():
    rng = np.random.default_rng(0)
    codes, values = rng.normal(size=(1, 32)), rng.normal(size=(1, 50))
    left, rest = unexplained(codes, values)
    np.testing.assert_array_equal(left, values)
    np.testing.assert_array_equal(rest(codes, 2 * values), 2 * values)


def test_other_stars_or_wavelengths_are_refused():
    """Lines that stand elsewhere have no strength; no line turns into emission."""
    wrong = np.roll(mean_depth(), 80)
    with pytest.raises(DataError, match=r"night\.h5: .* times as strong") as error:
        population_lines(wrong, lambda a: a.applied(mean_depth()), name="night.h5")
    assert "wavelengths" in error.value.hint
    emission = mean_depth((1.2, -0.8, 1.2, 1.2))
    found = population_lines(emission, lambda a: a.applied(mean_depth()))
    assert found.strengths.min() >= -1
    assert found.strengths[300] == -1


def test_rolled_rows_are_moved_far_enough():
    noise = np.tile(np.arange(50.0), (200, 1))
    place = np.argmin(rolled(noise, np.random.default_rng(0)), axis=1)
    assert place.min() >= 5
    assert place.max() <= 45

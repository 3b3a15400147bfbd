"""Kernel regression on line strengths: shared scales help, outliers do not harm."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from keras_astro.models import line_kernel
from keras_astro.models.line_kernel import LineKernelRegressor

STARS, LINES = 40, 60


def draw_stars(noise):
    rng = np.random.default_rng(5)
    truth = rng.uniform(-1, 1, (STARS, 2))
    response = rng.normal(size=(2, LINES))
    scatter = rng.normal(0, noise, (STARS, LINES))
    return np.exp(3.0 + 0.3 * truth @ response + scatter), 3400 + 300 * truth[:, 0]


@pytest.fixture(scope="module")
def stars():
    return draw_stars(noise=0.03)


def error(widths, labels, train, test, **options):
    zero, star = np.zeros(STARS, int), np.arange(STARS)
    model = LineKernelRegressor(**options).fit(
        widths[train], labels[train], zero[train], star[train]
    )
    found = model.predict(widths[test], zero[test])
    return found - labels[test]


def test_labels_of_unseen_stars_are_found(stars):
    widths, labels = stars
    train, test = np.arange(30), np.arange(30, STARS)
    assert np.abs(error(widths, labels, train, test)).mean() < 15


def test_units_of_the_labels_do_not_matter(stars):
    widths, labels = stars
    train, test = np.arange(30), np.arange(30, STARS)
    kelvin = error(widths, labels, train, test)
    other = error(widths, labels / 1000 - 7, train, test)
    np.testing.assert_allclose(other * 1000, kelvin, rtol=1e-3, atol=0.05)


def test_a_second_scale_helps_where_the_first_has_few_stars():
    widths, labels = draw_stars(noise=0.2)
    # The other scale is offset and stretched, as those of real calibrations are.
    other = 1.05 * (labels - 3400) + 3480
    few, many, test = np.arange(4), np.arange(4, 30), np.arange(30, STARS)
    alone = error(widths, labels, few, test)
    model = LineKernelRegressor().fit(
        widths[:30],
        np.concatenate([labels[few], other[many]]),
        np.repeat([0, 1], [4, 26]),
        np.arange(30),
    )
    both = model.predict(widths[test], np.zeros(10, int)) - labels[test]
    assert np.abs(both).mean() < 0.7 * np.abs(alone).mean()
    asked = model.predict(widths[test], np.ones(10, int)) - other[test]
    assert np.abs(asked).mean() < 0.7 * np.abs(alone).mean()


def test_slope_of_the_likelihood_is_that_of_its_value(stars, monkeypatch):
    widths, labels = stars
    seen = {}

    def keep(function, start, **options):
        seen["function"], seen["start"] = function, start
        return type("Found", (), {"x": start})

    monkeypatch.setattr(line_kernel, "minimize", keep)
    star = np.arange(STARS)
    LineKernelRegressor(robust=False).fit(widths, labels, star % 2, star)
    at = seen["start"] + np.random.default_rng(1).normal(0, 0.3, len(seen["start"]))
    value = lambda p: seen["function"](p)[0]
    slope = lambda p: seen["function"](p)[1]
    assert check_grad(value, slope, at) < 1e-3 * np.linalg.norm(slope(at))


def test_constant_lines_are_harmless(stars):
    widths, labels = stars
    widths = np.concatenate([widths, np.full((STARS, 3), 7.0)], axis=1)
    found = error(widths, labels, np.arange(30), np.arange(30, STARS))
    assert np.isfinite(found).all()

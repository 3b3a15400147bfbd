"""Spectral preparation against formulas of others, Monte Carlo and conservation."""

import numpy as np
import pytest
from astropy import constants
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from keras_astro.errors import DataError
from keras_astro.preprocessing import spectra


@pytest.mark.parametrize(
    ("air", "vacuum"),
    # Atomic Spectra Database of NIST: both media are listed.
    [(5889.950, 5891.583), (6562.79, 6564.60), (8542.09, 8544.44), (8824.22, 8826.64)],
)
def test_listed_lines(air, vacuum):
    assert spectra.air_to_vacuum(np.array(air)) == pytest.approx(vacuum, abs=0.012)


def test_agrees_with_the_formula_of_the_iau():
    """Morton 2000 (ApJS 130, 403, equation 8), to 2 m/s."""
    vacuum = np.linspace(3000, 17000, 500)
    s = 1e4 / vacuum
    n = 1 + 8.34254e-5 + 2.406147e-2 / (130 - s**2) + 1.5998e-4 / (38.9 - s**2)
    np.testing.assert_allclose(spectra.vacuum_to_air(vacuum), vacuum / n, rtol=6e-9)


def test_media_invert_each_other():
    grid = np.linspace(2500, 25000, 1000)
    back = spectra.vacuum_to_air(spectra.air_to_vacuum(grid))
    np.testing.assert_allclose(back, grid, atol=1e-9)


def test_rest_frame_is_relativistic():
    assert constants.c.to_value("km/s") == spectra.SPEED_OF_LIGHT_KMS
    moved = spectra.to_rest(np.array([8826.65]), 110.5)
    assert moved[0] == pytest.approx(8826.65 * (1 - 110.5 / 299792.458), rel=1e-7)
    back = spectra.to_rest(spectra.to_rest(np.array([5000.0]), 2e4), -2e4)
    assert back[0] == pytest.approx(5000.0, rel=1e-12)


@st.composite
def grids(draw, least):
    steps = draw(st.lists(st.floats(0.1, 3.0), min_size=least, max_size=40))
    return draw(st.floats(-2, 2)) + np.cumsum(steps)


@given(grids(4), grids(4), st.integers(0, 2**31))
@settings(deadline=None, max_examples=60)
def test_flux_is_conserved_where_both_grids_are(old, new, seed):
    """The integral over the pixels that lie inside the old grid is the old one."""
    flux = np.random.default_rng(seed).uniform(0, 2, (1, len(old)))
    found, weight = spectra.resample(old, flux, np.ones_like(flux), new)
    source, target = spectra.pixel_edges(old), spectra.pixel_edges(new)
    inside = (target[:-1] >= source[0]) & (target[1:] <= source[-1])
    assert (weight[0][inside] > 0).all()
    for low, high, value in zip(
        target[:-1][inside], target[1:][inside], found[0][inside], strict=True
    ):
        held = np.clip(
            np.minimum(source[1:], high) - np.maximum(source[:-1], low), 0, None
        )
        assert value * (high - low) == pytest.approx(held @ flux[0], rel=1e-9, abs=1e-9)


@given(grids(4), st.integers(0, 2**31))
@settings(deadline=None, max_examples=30)
def test_the_same_grid_changes_nothing(grid, seed):
    rng = np.random.default_rng(seed)
    flux, ivar = rng.normal(size=(2, len(grid))), rng.uniform(1, 9, (2, len(grid)))
    found, weight = spectra.resample(grid, flux, ivar, grid)
    np.testing.assert_allclose(found, flux, atol=1e-9)
    np.testing.assert_allclose(weight, ivar, rtol=1e-9)


@pytest.mark.parametrize("step", [0.37, 1.0, 2.6])
def test_variance_agrees_with_monte_carlo(step):
    rng = np.random.default_rng(3)
    old = np.arange(60.0)
    sigma = rng.uniform(0.5, 2.0, 60)
    noise = rng.normal(size=(20000, 60)) * sigma
    new = np.arange(5.0, 50.0, step)
    found, weight = spectra.resample(
        old, noise, np.broadcast_to(sigma**-2, noise.shape), new
    )
    measured = found.var(axis=0)
    np.testing.assert_allclose(measured * weight[0], 1.0, atol=0.05)


def test_bad_pixels_take_no_part():
    old, new = np.arange(12.0), np.arange(0.5, 12.0, 2.0)
    flux, ivar = np.ones((1, 12)), np.ones((1, 12))
    flux[0, [2, 6, 7]] = [np.nan, 1e9, np.inf]
    ivar[0, [2, 6, 7]] = [1.0, 0.0, 0.0]
    found, weight = spectra.resample(old, flux, ivar, new)
    np.testing.assert_allclose(found[0], [1, 1, 1, 0, 1, 1])
    # Half of the second pixel is left, which is not more than half; none of the fourth.
    np.testing.assert_allclose(weight[0], [2, 0, 2, 0, 2, 2])


def test_a_line_keeps_its_equivalent_width_on_a_coarse_grid():
    line = lambda x: np.exp(-0.5 * ((x - 8826.65) / 0.05) ** 2)
    old, new = np.linspace(8825, 8828, 3001), np.linspace(8825.2, 8827.8, 66)
    found, _ = spectra.resample(old, line(old)[None], np.ones((1, 3001)), new)
    width = (found[0] * np.diff(spectra.pixel_edges(new))).sum()
    assert width == pytest.approx(quad(line, 8826, 8827.3)[0], rel=1e-5)


@pytest.mark.parametrize("grid", [[3.0, 2.0, 1.0], [1.0, 1.0, 2.0], [5.0]])
def test_unsorted_grids_are_refused(grid):
    with pytest.raises(DataError, match="each larger than the one before"):
        spectra.pixel_edges(np.array(grid))

"""Line-spread functions: normalised, of the right width, whatever the grid."""

import numpy as np
import pytest

from keras_astro.simulate.spectrograph import fine_grid, pixel_edges, spread_matrix
from keras_astro.simulate.voigt import C_KMS

GRIDS = {
    "linear": np.linspace(1300.0, 1330.0, 600),
    "logarithmic": 1300.0 * np.exp(np.arange(600) * 5e-5),
    "uneven": np.sort(1300 + 30 * np.random.default_rng(1).random(600)),
}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("fwhm", [0.0, 18.0])
def test_a_flat_spectrum_stays_flat(grid, fwhm):
    matrix = spread_matrix(GRIDS[grid], 4, fwhm_kms=fwhm)
    assert np.allclose(matrix @ np.ones(matrix.shape[1]), 1.0, atol=1e-12)


def test_without_a_spread_pixels_are_means_of_their_points():
    wavelength = GRIDS["linear"]
    values = np.random.default_rng(0).random(len(wavelength) * 4)
    matrix = spread_matrix(wavelength, 4, fwhm_kms=0.0)
    assert np.allclose(matrix @ values, values.reshape(-1, 4).mean(axis=1))


def test_a_narrow_line_becomes_as_wide_as_the_spread():
    wavelength = GRIDS["logarithmic"]
    matrix = spread_matrix(wavelength, 8, fwhm_kms=40.0)
    spike = np.zeros(matrix.shape[1])
    spike[300 * 8 + 4] = 1.0
    profile = matrix @ spike
    velocity = np.log(wavelength / wavelength[300]) * C_KMS
    mean = np.sum(profile * velocity) / profile.sum()
    sd = np.sqrt(np.sum(profile * (velocity - mean) ** 2) / profile.sum())
    # The pixel itself, 15 km/s wide, widens the line a little.
    expected = np.hypot(40.0 / 2.3548, 15.0 / np.sqrt(12))
    assert sd == pytest.approx(expected, rel=0.02)


def test_a_tabulated_gaussian_is_the_gaussian():
    wavelength = GRIDS["linear"]
    velocity = np.linspace(-60, 60, 2001)
    table = velocity, np.exp(-0.5 * (velocity / (30 / 2.35482)) ** 2)
    tabulated = spread_matrix(wavelength, 3, kernel=table)
    gaussian = spread_matrix(wavelength, 3, fwhm_kms=30.0)
    assert abs(tabulated - gaussian).max() < 1e-4


def test_edges_and_points_lie_where_pixels_say():
    edges = pixel_edges(GRIDS["linear"])
    fine = fine_grid(GRIDS["linear"], 5)
    assert len(edges) == 601
    assert np.allclose(fine.reshape(600, 5).mean(axis=1), GRIDS["linear"])
    assert (np.diff(fine) > 0).all()

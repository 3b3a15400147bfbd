"""The Voigt profile against the Faddeeva function, and windows against whole grids."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import wofz

from keras_astro.simulate.cgm_lines import get_line
from keras_astro.simulate.voigt import (
    C_KMS,
    CENTRAL_DEPTH,
    Clouds,
    add_line,
    line_windows,
    voigt,
)


def test_profile_agrees_with_the_faddeeva_function_near_and_far():
    a, u = np.meshgrid([1e-5, 1e-3, 0.05, 0.5], np.linspace(-200, 200, 4001))
    exact = wofz(u + 1j * a).real
    assert np.allclose(voigt(a, u), exact, rtol=2e-6, atol=1e-15)


def test_central_depth_is_that_of_the_physical_constants():
    electron, mass, light = 4.80320471e-10, 9.1093837e-28, 2.99792458e10  # cgs
    expected = np.sqrt(np.pi) * electron**2 / (mass * light) * 1e-8 / 1e5
    assert pytest.approx(expected, rel=1e-5) == CENTRAL_DEPTH


@pytest.mark.parametrize(
    ("log_column", "most"), [(12.0, 90), (15.0, 1200), (17.0, 9e3)]
)
def test_windows_lose_no_visible_absorption(log_column, most):
    line = get_line("H I 1215")
    wavelength = np.linspace(1300.0, 1600.0, 30_000)
    clouds = Clouds(*(np.array([[x]]) for x in (80.0, 25.0, 10.0**log_column)))
    windows = line_windows(wavelength, line, clouds, redshift=0.2)
    depth = np.zeros((1, len(wavelength)))
    add_line(depth, wavelength, line, clouds, windows, redshift=0.2)
    centre = 1215.67 * 1.2 * (1 + 80.0 / C_KMS)
    u = (wavelength / centre - 1) * C_KMS / 25.0
    a = 6.265e8 * 1215.67e-8 / (4 * np.pi * 25e5)
    central = CENTRAL_DEPTH * 0.4164 * 1215.67 * 10.0**log_column / 25.0
    exact = np.exp(-central * wofz(u + 1j * a).real)
    assert np.abs(np.exp(-depth[0]) - exact).max() < 5e-5
    assert windows.last[0, 0] - windows.first[0, 0] < most * 1.2


def test_a_weak_line_has_the_equivalent_width_of_the_linear_regime():
    line = get_line("C IV 1548")
    wavelength = np.linspace(1850.0, 1865.0, 20_000)
    column = 1e11
    clouds = Clouds(*(np.array([[x]]) for x in (0.0, 10.0, column)))
    windows = line_windows(wavelength, line, clouds, redshift=0.2)
    depth = np.zeros((1, len(wavelength)))
    add_line(depth, wavelength, line, clouds, windows, redshift=0.2)
    measured = np.sum(1 - np.exp(-depth[0])) * (wavelength[1] - wavelength[0]) / 1.2
    # Spitzer 1978, equation 3-48: W = pi e^2 / (m c^2) N f lambda^2.
    expected = 8.85e-13 * column * line.strength * (1548.204e-8) ** 2 * 1e8
    assert measured == pytest.approx(expected, rel=2e-2)


def test_the_profile_is_normalised():
    area, _ = quad(lambda u: float(voigt(np.array([0.1]), np.array([u]))[0]), -400, 400)
    assert area == pytest.approx(np.sqrt(np.pi), rel=1e-3)


def test_clouds_that_are_absent_have_empty_windows():
    wavelength = np.linspace(1450.0, 1470.0, 1000)
    clouds = Clouds(np.zeros((2, 3)), np.full((2, 3), 20.0), np.zeros((2, 3)))
    windows = line_windows(wavelength, get_line("H I 1215"), clouds, redshift=0.2)
    assert np.array_equal(windows.first, windows.last)

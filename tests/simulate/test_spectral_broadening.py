"""Broadening against convolution with the profiles themselves."""

import numpy as np
import pytest

from keras_astro.simulate.spectral_broadening import FWHM, broaden, rotation_transfer

PIXEL = 0.5
LIGHT = 299792.458


def absorption(pixels=1024, width=4.0, place=500):
    velocity = (np.arange(pixels) - place) * PIXEL
    return 1 - 0.6 * np.exp(-0.5 * (velocity / width) ** 2)


def broadened(flux, vsini=0.0, resolution=1e9, velocity=0.0, **options):
    one = np.ones(1)
    return broaden(
        flux[None],
        pixel_kms=PIXEL,
        vsini_kms=vsini * one,
        resolution=resolution * one,
        velocity_kms=velocity * one,
        **options,
    )[0]


def rotation_profile(vsini, e):
    """Gray's kernel, averaged over fine steps inside each pixel."""
    fine = 401
    offset = (np.arange(fine) - fine // 2) / fine
    reach = int(vsini / PIXEL) + 2
    y = (np.arange(-reach, reach + 1)[:, None] + offset) * PIXEL / vsini
    inside = np.maximum(1 - y**2, 0)
    profile = 2 * (1 - e) * np.sqrt(inside) + np.pi * e / 2 * inside
    kernel = profile.mean(axis=1)
    return kernel / kernel.sum()


@pytest.mark.parametrize("vsini", [3.0, 12.0, 40.0])
@pytest.mark.parametrize("e", [0.0, 0.6])
def test_rotation_equals_convolution_with_grays_kernel(vsini, e):
    flux = absorption()
    expected = 1 - np.convolve(1 - flux, rotation_profile(vsini, e), mode="same")
    found = broadened(flux, vsini=vsini, limb_darkening=e)
    np.testing.assert_allclose(found, expected, atol=6e-4)


def test_instrument_adds_variances_of_gaussians():
    resolution = 50000.0
    sigma = LIGHT / resolution / FWHM
    found = broadened(absorption(width=4.0), resolution=resolution)
    wide = np.hypot(4.0, sigma)
    velocity = (np.arange(1024) - 500) * PIXEL
    expected = 1 - 0.6 * 4.0 / wide * np.exp(-0.5 * (velocity / wide) ** 2)
    np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("velocity", [0.3, -7.25])
def test_positive_velocity_moves_lines_to_the_red(velocity):
    found = broadened(absorption(), velocity=velocity)
    expected = absorption(place=500 + velocity / PIXEL)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_transfer_is_continuous_where_the_series_takes_over():
    b = np.array([0.999e-2, 1.001e-2])
    near, far = rotation_transfer(b / (2 * np.pi), np.ones(1))[0]
    assert near == pytest.approx(far, abs=1e-6)
    assert rotation_transfer(np.zeros(1), np.array([5.0]))[0, 0] == pytest.approx(1.0)


def test_equivalent_width_stays():
    flux = absorption()
    found = broadened(flux, vsini=20.0, resolution=30000.0, velocity=3.0)
    assert np.sum(1 - found) == pytest.approx(np.sum(1 - flux), rel=1e-9)

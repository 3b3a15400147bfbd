"""The batched renderer against GalSim, against closed forms, and its derivatives."""

import galsim
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import gammaincinv

from keras_astro.simulate.galaxies import draw_image
from keras_astro.simulate.galaxy_profiles import moffat_transform, sersic_transform
from keras_astro.simulate.galaxy_renderer import GalaxyRenderer

PEAK_ERROR = 2.5e-4
# At a signal to noise of 100: a quarter of a standard deviation in total.
SIGMAS = 0.25

# GalSim's default settings are themselves 2.4e-4 of the peak away from these.
FINE = galsim.GSParams(
    maxk_threshold=2e-4, kvalue_accuracy=1e-6, maximum_fft_size=16384
)

SHEARS = ((0.0, 0.0), (0.3, -0.2), (0.0, 0.66), (-0.47, 0.47))


@pytest.fixture(scope="module")
def renderer():
    return GalaxyRenderer()


@pytest.mark.parametrize("n", [0.5, 1.0, 3.3, 6.0])
def test_images_agree_with_galsim(renderer, n):
    grid = [
        ((1e5, n, radius, *shear), fwhm)
        for radius in (0.1, 0.3, 0.6)
        for fwhm in (0.5, 0.75, 1.0)
        for shear in SHEARS
    ]
    ours = renderer([p for p, _ in grid], [f for _, f in grid]).numpy()
    theirs = np.stack([draw_image(p, f, gsparams=FINE) for p, f in grid])
    error = np.abs(ours - theirs).max(axis=(1, 2)) / theirs.max(axis=(1, 2))
    assert error.max() < PEAK_ERROR
    total = np.sqrt(((ours - theirs) ** 2).sum(axis=(1, 2)))
    signal = np.sqrt((theirs**2).sum(axis=(1, 2)))
    assert (100 * total / signal).max() < SIGMAS


def test_another_grid_of_pixels(renderer):
    small = GalaxyRenderer(pixels=32, pixel_scale_arcsec=0.3, padded_pixels=64)
    p = (1e5, 2.0, 0.4, 0.1, 0.3)
    theirs = draw_image(p, 0.8, pixels=32, pixel_scale_arcsec=0.3)
    assert np.abs(small([p], [0.8])[0] - theirs).max() < PEAK_ERROR * theirs.max()


def test_transform_of_a_gaussian_and_of_an_exponential():
    k = np.geomspace(1e-2, 10, 50)
    b = gammaincinv(1.0, 0.5)
    assert np.allclose(sersic_transform(0.5, k), np.exp(-(k**2) / 4 / b), atol=2e-5)
    scale = gammaincinv(2.0, 0.5)
    exact = (1 + (k / scale) ** 2) ** -1.5
    assert np.allclose(sersic_transform(1.0, k), exact, atol=2e-5)


def test_transform_of_a_moffat_is_galsims():
    moffat = galsim.Moffat(beta=2, scale_radius=1.0)
    k = np.array([0.0, 0.1, 1.0, 5.0])
    theirs = [moffat.kValue(x, 0).real for x in k]
    assert np.allclose(moffat_transform(k), theirs, atol=1e-5)


def test_flux_only_scales_and_shear_only_turns(renderer):
    one, ten, turned = renderer(
        [
            [1e5, 2.0, 0.3, 0.3, 0.0],
            [1e6, 2.0, 0.3, 0.3, 0.0],
            [1e5, 2.0, 0.3, -0.3, 0.0],
        ],
        [0.7] * 3,
    ).numpy()
    assert np.allclose(ten, 10 * one, rtol=1e-5, atol=1e-2)
    assert np.allclose(turned, one.T, atol=1e-5 * one.max())
    assert np.allclose(one, one[::-1, ::-1], atol=1e-5 * one.max())


def test_derivatives_are_those_of_finite_differences(renderer):
    at = np.array([[1e5, 2.3, 0.33, 0.21, -0.13]], "float32")
    steps = np.diag([1e3, 0.05, 0.01, 0.02, 0.02]).astype("float32")
    weight = np.random.default_rng(0).normal(size=(64, 64)).astype("float32")
    parameters = tf.constant(at)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        value = tf.reduce_sum(weight * renderer(parameters, [0.6]))
    found = tape.gradient(value, parameters)[0].numpy()
    images = renderer(np.concatenate([at + steps, at - steps]), [0.6] * 10).numpy()
    sums = (weight * images).sum(axis=(1, 2))
    expected = (sums[:5] - sums[5:]) / 2
    # Each is the change over one step.
    found = found * np.diag(steps)
    assert np.allclose(found, expected, rtol=1e-3, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("sides", [(63, 80), (64, 81), (64, 48)])
def test_odd_sides_are_refused(sides):
    with pytest.raises(ValueError, match="even sides"):
        GalaxyRenderer(pixels=sides[0], padded_pixels=sides[1])

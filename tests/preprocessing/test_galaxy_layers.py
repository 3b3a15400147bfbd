"""Preprocessing of galaxies: what is kept, what is known, what symmetry gives."""

import numpy as np
import pytest
from keras import ops

from keras_astro.preprocessing.galaxies import (
    GaussianApertures,
    PointFold,
    SignalToNoise,
)
from keras_astro.preprocessing.symmetries import KINDS, transform
from keras_astro.simulate.galaxies import draw_image


def test_each_image_is_divided_by_its_own_noise():
    images = np.ones((3, 4, 4, 1), "float32")
    found = SignalToNoise()([images, np.array([1.0, 2.0, 4.0], "float32")])
    assert np.allclose(found[:, 0, 0, 0], [1.0, 0.5, 0.25])


def test_folding_keeps_a_galaxy_and_halves_the_variance_of_noise():
    galaxy = draw_image((1e5, 1.0, 0.4, 0.3, -0.2), 0.7, pixels=32)[None, ..., None]
    folded = PointFold(2)(galaxy)
    assert folded.shape == (1, 18, 32, 1)
    assert np.allclose(folded, galaxy[:, 14:], atol=1e-4 * galaxy.max())
    noise = np.random.default_rng(0).normal(size=(50, 32, 32, 1))
    assert np.var(PointFold(0)(noise)) == pytest.approx(0.5, rel=0.05)


def test_apertures_are_linear_and_count_the_flux():
    layer = GaussianApertures([2.0, 1000.0], 10.0)
    image = np.random.default_rng(0).normal(size=(2, 16, 16, 1)).astype("float32")
    found = ops.convert_to_numpy(layer(image))
    assert np.allclose(found[:, 1], image.sum(axis=(1, 2, 3)) / 10, rtol=1e-2)
    assert np.allclose(layer(3 * image), 3 * found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", range(KINDS))
def test_a_turned_galaxy_is_the_galaxy_of_the_turned_shear(kind):
    shear = np.array([[0.3, -0.45]])
    image = draw_image((1e5, 1.0, 0.4, *shear[0]), 0.6, pixels=32)[None, ..., None]
    turned, found = transform(image, shear, np.array([kind]))
    expected = draw_image((1e5, 1.0, 0.4, *found[0]), 0.6, pixels=32)
    assert np.allclose(turned[0, ..., 0], expected, atol=1e-4 * expected.max())

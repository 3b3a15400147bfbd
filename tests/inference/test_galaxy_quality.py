"""Flags of galaxies: each for its reason, rarely for none."""

import numpy as np
import pytest

from keras_astro.inference.galaxy_quality import galaxy_flags
from keras_astro.simulate.galaxies import add_noise, draw_image
from keras_astro.simulate.galaxy_config import GalaxySimulation
from keras_astro.simulate.galaxy_stream import GalaxyStream

GALAXY = (2e5, 1.0, 0.3, 0.1, 0.2)


def rows(image, *, fwhm=0.7, sigma=250.0):
    noisy = add_noise(image, sigma, np.random.default_rng(0)).astype("float32")
    return {
        "image": noisy[None, ..., None],
        "psf_fwhm_arcsec": np.array([fwhm], "float32"),
        "noise_sigma": np.array([sigma], "float32"),
    }


def test_galaxies_as_trained_on_are_rarely_flagged():
    inputs, _ = GalaxyStream([GalaxySimulation.preset("v3")], seed=2)(0, 256)
    assert np.mean(galaxy_flags(inputs) != "") < 0.02


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"sigma": 150.0}, "noise_outside"),
        ({"fwhm": 1.2}, "psf_outside"),
    ],
)
def test_what_was_not_trained_on_is_flagged(change, flag):
    assert galaxy_flags(rows(draw_image(GALAXY, 0.7), **change)).tolist() == [flag]


def test_an_empty_image_is_flagged():
    assert galaxy_flags(rows(np.zeros((64, 64)))).tolist() == ["low_snr"]


def test_a_neighbour_and_an_offset_are_flagged():
    image = draw_image(GALAXY, 0.7)
    neighbour = image + np.roll(0.4 * image, (5, 3), axis=(0, 1))
    assert galaxy_flags(rows(neighbour)).tolist() == ["off_centre"]
    assert galaxy_flags(rows(np.roll(image, 1, axis=0))).tolist() == ["off_centre"]

"""Galaxies that do not look as their numbers say are told from those that do."""

import numpy as np
import pytest

from keras_astro.inference.galaxy_fit import COLUMNS, agreement, modes
from keras_astro.inference.galaxy_quality import galaxy_flags
from keras_astro.simulate.galaxies import add_noise
from keras_astro.simulate.galaxy_config import PARAMETERS
from keras_astro.simulate.galaxy_images import draw_images

ROWS, SIGMA = 200, 250.0
TRUTH = np.array([2e5, 2.0, 0.35, 0.1, 0.2])
FWHM = np.full(ROWS, 0.7)


@pytest.fixture(scope="module")
def clean():
    return draw_images(TRUTH[None], FWHM[:1])[0]


def measured(image, *, said=SIGMA, truth=TRUTH):
    rng = np.random.default_rng(1)
    images = np.stack([add_noise(image, SIGMA, rng) for _ in range(ROWS)])
    inputs = {
        "image": images[..., None],
        "psf_fwhm_arcsec": FWHM,
        "noise_sigma": np.full(ROWS, said),
    }
    means = dict(zip(PARAMETERS, np.tile(truth, (ROWS, 1)).T, strict=True))
    return inputs | agreement(inputs, means)


def flagged(inputs):
    words = [text.split(",") for text in galaxy_flags(inputs).tolist()]
    return {n: np.mean([n in w for w in words]) for n in ("misfit", "out_of_domain")}


def test_noise_alone_is_that_of_its_pixels_and_modes(clean):
    found = measured(clean)
    assert set(COLUMNS) < set(found)
    assert found["chi2_per_pixel"].mean() == pytest.approx(1.0, abs=0.008)
    assert found["residual_chi2"].mean() == pytest.approx(len(modes(48)), rel=0.15)
    assert flagged(found) == {"misfit": 0.0, "out_of_domain": 0.0}


def test_another_noise_is_a_misfit(clean):
    for said in (0.85 * SIGMA, 1.2 * SIGMA):
        assert flagged(measured(clean, said=said))["misfit"] == 1.0


def test_light_that_is_not_the_galaxys_is_out_of_domain(clean):
    beside = clean + np.roll(0.3 * clean, 11, axis=1)
    found = flagged(measured(beside))
    assert found["out_of_domain"] == 1.0
    larger = TRUTH * [1, 1, 1.3, 1, 1]
    assert flagged(measured(clean, truth=larger))["out_of_domain"] > 0.9

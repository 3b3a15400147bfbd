"""Streamed galaxies: the same when asked again, from the prior of the simulator."""

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest

from keras_astro.simulate.galaxies import simulate
from keras_astro.simulate.galaxy_config import GalaxySimulation
from keras_astro.simulate.galaxy_stream import GalaxyStream


@pytest.fixture(scope="module")
def stream():
    return GalaxyStream([GalaxySimulation.preset("v3")], seed=1)


def test_a_batch_depends_on_its_number_alone(stream):
    first, truth = stream(3, 8)
    stream(4, 8)
    again, same = stream(3, 8)
    assert np.array_equal(truth, same)
    assert all(np.array_equal(first[k], again[k]) for k in first)
    assert not np.array_equal(truth, stream(4, 8)[1])


def test_signal_to_noise_is_within_its_limits(stream):
    inputs, truth = stream(0, 512)
    clean = stream.renderer.images(truth, inputs["psf_fwhm_arcsec"])
    snr = np.sqrt(np.sum(clean**2, axis=(1, 2))) / inputs["noise_sigma"]
    assert np.mean((snr < 10) | (snr > 100)) < 0.01
    assert np.all((snr > 9.7) & (snr < 103))


def test_noise_is_that_of_sky_and_photons(stream):
    inputs, truth = stream(0, 64)
    clean = stream.renderer.images(truth, inputs["psf_fwhm_arcsec"])
    variance = inputs["noise_sigma"][:, None, None] ** 2 + clean
    chi2 = np.mean((inputs["image"][..., 0] - clean) ** 2 / variance)
    assert chi2 == pytest.approx(1.0, abs=0.01)


def test_galaxies_are_drawn_as_the_simulator_draws_them(stream):
    # Of one index, which GalSim draws quickly.
    recipe = GalaxySimulation.preset("v3").replace(sersic_n=(1.0, 1.0))
    slow = simulate(recipe.replace(pixels=64), 250, seed=5)
    parameters, fwhm, sigma = stream.draw(recipe, 4000, np.random.default_rng(0))
    pairs = {
        "flux": (parameters[:, 0], slow.targets["flux"]),
        "radius": (parameters[:, 2], slow.targets["half_light_radius_arcsec"]),
        "shear": (
            np.hypot(*parameters[:, 3:].T),
            np.hypot(slow.targets["g1"], slow.targets["g2"]),
        ),
        "fwhm": (fwhm, slow.inputs["psf_fwhm_arcsec"]),
        "sigma": (sigma, slow.inputs["noise_sigma"]),
    }
    for name, (ours, theirs) in pairs.items():
        assert ks_2samp(ours, theirs).pvalue > 1e-3, name
    whole, _, _ = stream.draw(stream.recipes[0], 4000, np.random.default_rng(1))
    assert kstest(whole[:, 1], "uniform", (0.5, 5.5)).pvalue > 1e-3


def test_recipes_take_turns():
    recipes = [GalaxySimulation.preset(name) for name in ("v1", "v3")]
    inputs, _ = GalaxyStream(recipes, seed=0)(0, 9)
    assert np.sum(inputs["psf_fwhm_arcsec"] == 0.5) == 5


def test_acceptance_is_the_fraction_of_draws_kept(stream):
    kept = stream.acceptance(nodes=3, draws=2000)
    assert kept(3.0) == pytest.approx(0.8, abs=0.1)

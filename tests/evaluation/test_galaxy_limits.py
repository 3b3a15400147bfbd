"""Bounds, fits and exact posteriors of galaxies, on a few bright ones."""

import numpy as np
import pytest

from keras_astro.errors import DataError
from keras_astro.evaluation.galaxy_chains import shrink_factor, walk
from keras_astro.evaluation.galaxy_fits import (
    chi_square,
    fit_by_quasi_newton,
    fit_galaxies,
)
from keras_astro.evaluation.galaxy_floor import exact_posterior
from keras_astro.evaluation.galaxy_limits import cramer_rao
from keras_astro.evaluation.galaxy_target import GalaxyTarget, log_prior
from keras_astro.metrics.box_posterior import BoxPosterior
from keras_astro.simulate.galaxies import add_noise
from keras_astro.simulate.galaxy_config import GalaxySimulation
from keras_astro.simulate.galaxy_renderer import GalaxyRenderer

ROWS = 24
LOW, HIGH = np.array(list(GalaxySimulation().box.values())).T
TRUTH = np.array([1.8e5, 1.6, 0.35, 0.15, -0.1])


@pytest.fixture(scope="module")
def renderer():
    return GalaxyRenderer(pixels=32, padded_pixels=56)


@pytest.fixture(scope="module")
def galaxies(renderer):
    """Images of one galaxy with many draws of noise, FWHM, sigma and truth."""
    truth = np.tile(TRUTH, (ROWS, 1))
    fwhm, sigma = np.full(ROWS, 0.6), np.full(ROWS, 150.0)
    clean = renderer.images(truth, fwhm).astype("float64")
    rng = np.random.default_rng(0)
    images = np.stack([add_noise(image, 150.0, rng) for image in clean])
    return images, fwhm, sigma, truth


def test_bound_of_the_published_galaxy():
    # The published table says 0.056, 0.78, 0.028, 0.054 and 0.054 (flux in 1e5).
    galaxy = np.array([[1e5, 3.0, 0.3, -0.069, 0.15]])
    whole = GalaxyRenderer()
    bound = cramer_rao(whole, galaxy, np.array([0.5]), np.array([200.0]))[0]
    found = np.sqrt(np.diag(bound)) / [1e5, 1, 1, 1, 1]
    assert np.allclose(found, [0.0565, 0.776, 0.0287, 0.0543, 0.0549], rtol=0.02)


@pytest.fixture(scope="module")
def fits(renderer, galaxies):
    images, fwhm, sigma, _ = galaxies
    starts = ((1.0, 0.5), (3.0, 0.5))
    options = {"starts": starts, "iterations": 15}
    return fit_galaxies(renderer, images, fwhm, sigma, LOW, HIGH, **options)


def test_fits_reach_a_chi_square_of_one(renderer, galaxies, fits):
    images, fwhm, sigma, truth = galaxies
    assert fits.chi2.mean() == pytest.approx(1.0, abs=0.03)
    # Five parameters are fitted: the fit lies below the truth.
    assert np.all(fits.chi2 <= chi_square(renderer, truth, images, fwhm, sigma) + 1e-6)


def test_a_noise_draw_in_the_model_would_double_chi_square(renderer, galaxies):
    images, fwhm, sigma, truth = galaxies
    fixed = np.random.default_rng(9).normal(0, 150.0, images.shape[1:])
    chi2 = chi_square(renderer, truth, images - fixed, fwhm, sigma)
    assert chi2.mean() == pytest.approx(2.0, abs=0.1)


def test_fits_scatter_as_the_bound_says(renderer, galaxies, fits):
    _, fwhm, sigma, truth = galaxies
    bound = cramer_rao(renderer, truth, fwhm, sigma)
    pulls = (fits.parameters - truth) / np.sqrt(np.einsum("nii->ni", bound))
    assert np.all(np.abs(pulls.mean(axis=0)) < 4.0 / np.sqrt(ROWS))
    assert np.all(np.abs(np.log(pulls.std(axis=0))) < 0.5)


def test_quasi_newton_finds_the_same_optimum(renderer, galaxies, fits):
    images, fwhm, sigma, truth = galaxies
    few = slice(0, 4)
    found = fit_by_quasi_newton(
        renderer, images[few], fwhm[few], sigma[few], LOW, HIGH, start=(1.5, 0.5)
    )
    sd = np.sqrt(np.diag(cramer_rao(renderer, truth[:1], fwhm[:1], sigma[:1])[0]))
    assert np.all(np.abs(found.parameters - fits.parameters[few]) < 0.15 * sd)


@pytest.fixture(scope="module")
def target(renderer, galaxies):
    """Posterior densities of three galaxies, and their bounds."""
    images, fwhm, sigma, truth = (array[:3] for array in galaxies)
    recipe = GalaxySimulation(
        psf_fwhm_arcsec=(0.6, 0.6), noise_sigma=(150.0, 150.0), snr=(10.0, 400.0)
    )
    bound = cramer_rao(renderer, truth, fwhm, sigma)
    density = GalaxyTarget(
        renderer, recipe, images, fwhm, sigma, acceptance=np.ones_like
    )
    return density, bound


def test_exact_posteriors_do_not_depend_on_the_proposal(target):
    density, bound = target
    # Narrower and wider than the posterior, whose middle is off by the noise.
    found = [
        exact_posterior(
            density,
            gaussian_proposal(np.tile(TRUTH, (3, 1)), bound * widening**2),
            samples=1200,
            seed=seed,
        )
        for seed, widening in enumerate((0.7, 2.0))
    ]
    sd = np.sqrt(np.einsum("nii->ni", bound))
    assert np.all([f.effective > 60 for f in found])
    assert np.all(np.abs(found[0].mean - found[1].mean) < 0.4 * sd)
    assert np.all(np.abs(found[0].sd / sd - 1) < 0.35)


def test_chains_agree_with_importance_sampling(target):
    density, bound = target
    proposal = gaussian_proposal(np.tile(TRUTH, (3, 1)), bound)
    exact = exact_posterior(density, proposal, samples=800)
    pair = [
        walk(density, proposal_start(proposal, seed), steps=120, dropped=40, seed=seed)
        for seed in (1, 2)
    ]
    mean = 0.5 * (pair[0].mean + pair[1].mean)
    assert np.all(np.abs(mean - exact.mean) < 0.3 * exact.sd)
    assert np.all(shrink_factor(*pair) < 1.1)
    assert np.all(pair[0].accepted > 0.1)


def proposal_start(proposal, seed):
    """Walkers at draws of a proposal, `(row, walker, 5)` in u."""
    return proposal.probit(proposal.draw(12, seed=seed))


def test_a_proposal_outside_of_the_prior_is_refused(renderer, galaxies, refused):
    images, fwhm, sigma, truth = (array[:1] for array in galaxies)
    bound = cramer_rao(renderer, truth, fwhm, sigma)
    density = GalaxyTarget(
        renderer,
        GalaxySimulation(snr=(1e3, 2e3)),
        images,
        fwhm,
        sigma,
        acceptance=np.ones_like,
    )
    with refused(DataError, "row 0", "within the prior"):
        exact_posterior(density, gaussian_proposal(truth, bound), samples=64)


def gaussian_proposal(mean, covariance):
    """One Gaussian in the probit of the box with about these moments."""
    width = HIGH - LOW
    flat = BoxPosterior(
        np.ones((1, 1)), np.zeros((1, 1, 5)), np.eye(5)[None, None], LOW, HIGH
    )
    u = flat.probit(mean)
    slope = np.sqrt(2 * np.pi) * np.exp(u**2 / 2) / width
    scale = np.linalg.cholesky(covariance * slope[:, :, None] * slope[:, None])
    rows = len(mean)
    return BoxPosterior(np.ones((rows, 1)), u[:, None], scale[:, None], LOW, HIGH)


def test_prior_is_zero_outside_its_limits(renderer):
    recipe = GalaxySimulation()
    inside = np.array([[1e5, 2.0, 0.3, 0.3, 0.3]])
    outside = np.array(
        [[5e5, 2.0, 0.3, 0.0, 0.1], [1e5, 7.0, 0.3, 0.0, 0.1], [1e5, 2, 0.3, 0.6, 0.6]]
    )
    rows = np.concatenate([inside, inside / [1, 1, 1, 2, 2], outside])
    model = renderer.images(rows, np.full(5, 0.7))
    found = log_prior(recipe, rows, model, 250.0, np.ones_like)
    assert np.all(found[2:] == -np.inf)
    # Half the length, twice the density of the components.
    assert found[1] - found[0] == pytest.approx(np.log(2.0))

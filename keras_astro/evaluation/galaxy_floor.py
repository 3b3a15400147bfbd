"""The least error there is: means of the exact posterior, by importance sampling.

Samples come from a network's posterior, widened, and are weighted by likelihood times
prior over that density: whatever the network is, the weighted mean converges to that of
the exact posterior, and the effective number of samples tells how far it has come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_astro.errors import DataError
from keras_astro.metrics.box_posterior import BoxPosterior
from keras_astro.simulate.galaxy_config import GalaxySimulation
from keras_astro.simulate.galaxy_renderer import GalaxyRenderer

# Scales of the proposal over those of the network: wider tails bound the weights.
WIDENING = (1.0, 1.5)


@dataclass
class Floor:
    """Exact posteriors by weighted samples.

    Args:
        mean: Posterior means, `(row, 5)`.
        sd: Posterior standard deviations, `(row, 5)`.
        effective: Effective number of samples, `(row,)`.
    """

    mean: np.ndarray
    sd: np.ndarray
    effective: np.ndarray


def exact_posterior(
    renderer: GalaxyRenderer,
    recipe: GalaxySimulation,
    proposal: BoxPosterior,
    images: np.ndarray,
    fwhm: np.ndarray,
    sigma: np.ndarray,
    *,
    acceptance,
    samples: int,
    seed: int = 0,
) -> Floor:
    """Means and standard deviations under the recipe's own prior.

    Args:
        renderer: Grid of pixels.
        recipe: The prior, with its cut in signal to noise.
        proposal: Posteriors of a network on the same rows.
        images: `(row, y, x)`.
        fwhm: FWHM of the PSF in arcsec, `(row,)`.
        sigma: Noise of the sky, `(row,)`.
        acceptance: Function from Sersic indices to the fraction of draws kept.
        samples: Samples a row.
        seed: Of the samples.

    Raises:
        DataError: If no sample of a row is within the prior.

    Reference:
        Dax et al. 2023, Phys. Rev. Lett. 130, 171403.
    """
    wide = [
        BoxPosterior(
            proposal.weight,
            proposal.location,
            proposal.scale * factor,
            proposal.low,
            proposal.high,
        )
        for factor in WIDENING
    ]
    share = samples // len(wide)
    drawn = np.concatenate(
        [p.draw(share, seed=seed + i) for i, p in enumerate(wide)], axis=1
    )
    found = [
        _weigh(
            renderer,
            recipe,
            [_row(p, i) for p in wide],
            drawn[i],
            (images[i], fwhm[i], sigma[i]),
            acceptance,
            number=i,
        )
        for i in range(len(images))
    ]
    return Floor(*(np.array(values) for values in zip(*found, strict=True)))


def _weigh(renderer, recipe, proposals, drawn, data, acceptance, *, number):
    image, fwhm, sigma = data
    model = renderer.images(drawn, np.full(len(drawn), fwhm))
    variance = sigma**2 + np.maximum(model, 0.0)
    square = (image - model) ** 2 / variance + np.log(variance / sigma**2)
    log_weight = -0.5 * square.sum(axis=(1, 2), dtype="float64")
    log_weight += log_prior(recipe, drawn, model, sigma, acceptance)
    density = [_repeated(p, len(drawn)).log_density(drawn) for p in proposals]
    log_weight -= np.logaddexp.reduce(density, axis=0)
    if not np.isfinite(log_weight.max()):
        raise DataError(
            f"row {number}: expected samples within the prior, found none of "
            f"{len(drawn)}",
            hint="Use the recipe by which the images were simulated.",
        )
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    mean = weight @ drawn
    sd = np.sqrt(weight @ (drawn - mean) ** 2)
    return mean, sd, 1.0 / np.sum(weight**2)


def log_prior(recipe, parameters, model, sigma, acceptance) -> np.ndarray:
    """Log of the recipe's density of drawn galaxies, up to a constant, `(row,)`.

    The length of the shear is uniform, so that its two components have a density of one
    over the length. For each index the draws kept are a fraction of all, and the index
    stays uniform: their density is larger by one over that fraction.
    """
    low, high = np.array(list(recipe.box.values())).T
    length = np.hypot(parameters[:, 3], parameters[:, 4])
    snr = np.sqrt(np.sum(model**2, axis=(1, 2))) / sigma
    inside = np.all((parameters >= low) & (parameters <= high), axis=1)
    inside &= (length >= recipe.shear[0]) & (length <= recipe.shear[1])
    inside &= (snr >= recipe.snr[0]) & (snr <= recipe.snr[1])
    kept = np.log(acceptance(parameters[:, 1]))
    value = -np.log(np.maximum(length, 1e-6)) - kept
    return np.where(inside, value, -np.inf)


def _row(posterior: BoxPosterior, i: int) -> BoxPosterior:
    rows = slice(i, i + 1)
    return BoxPosterior(
        posterior.weight[rows],
        posterior.location[rows],
        posterior.scale[rows],
        posterior.low,
        posterior.high,
    )


def _repeated(posterior: BoxPosterior, n: int) -> BoxPosterior:
    return BoxPosterior(
        *(
            np.broadcast_to(a, (n, *a.shape[1:]))
            for a in (posterior.weight, posterior.location, posterior.scale)
        ),
        posterior.low,
        posterior.high,
    )

"""The exact posterior density of galaxies: likelihood times the recipe's own prior."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from keras_astro.simulate.galaxy_config import GalaxySimulation
from keras_astro.simulate.galaxy_renderer import GalaxyRenderer

# Images rendered and compared at once.
BLOCK = 2048


class GalaxyTarget:
    """Log posterior densities in the probit u of each parameter within its limits.

    Args:
        renderer: Grid of pixels.
        recipe: The prior, with its cut in signal to noise.
        images: `(row, y, x)`.
        fwhm: FWHM of the PSF in arcsec, `(row,)`.
        sigma: Noise of the sky, `(row,)`.
        acceptance: Function from Sersic indices to the fraction of draws kept.
    """

    def __init__(
        self,
        renderer: GalaxyRenderer,
        recipe: GalaxySimulation,
        images: np.ndarray,
        fwhm: np.ndarray,
        sigma: np.ndarray,
        *,
        acceptance: Callable[[np.ndarray], np.ndarray],
    ):
        self.renderer = renderer
        self.recipe = recipe
        self.images = images
        self.fwhm = fwhm
        self.sigma = sigma
        self.acceptance = acceptance
        self.low, self.high = np.array(list(recipe.box.values())).T

    def __len__(self) -> int:
        return len(self.images)

    def parameters(self, u: np.ndarray) -> np.ndarray:
        """Parameters in their units, of the shape of `u`."""
        return self.low + (self.high - self.low) * ndtr(u)

    def log_density(self, u: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Of points `(point, 5)` of the rows `(point,)`, up to a constant a row."""
        blocks = [slice(i, i + BLOCK) for i in range(0, len(u), BLOCK)]
        return np.concatenate([self._block(u[b], rows[b]) for b in blocks])

    def _block(self, u, rows):
        parameters, sigma = self.parameters(u), self.sigma[rows]
        model = self.renderer.images(parameters, self.fwhm[rows])
        variance = sigma[:, None, None] ** 2 + np.maximum(model, 0.0)
        square = (self.images[rows] - model) ** 2 / variance
        square += np.log(variance / sigma[:, None, None] ** 2)
        likelihood = -0.5 * square.sum(axis=(1, 2), dtype="float64")
        prior = log_prior(self.recipe, parameters, model, sigma, self.acceptance)
        return likelihood + prior - 0.5 * np.sum(u**2, axis=1)


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

"""Endless galaxies for training: fresh parameters, images and noise in every batch."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from keras_astro.simulate.galaxy_config import GalaxySimulation
from keras_astro.simulate.galaxy_renderer import GalaxyRenderer

# Draws of a galaxy among which the first with an allowed signal to noise is taken.
DRAWS = 32
NODES = {"n": 10, "radius": 7, "shear": 6, "fwhm": 5}


class GalaxyStream:
    """Batches of simulated galaxies, each a function of seed and number.

    Parameters follow the recipe of `GalaxySimulation`; whether a draw has an allowed
    signal to noise is told by an interpolation good to about one per cent, so that only
    galaxies that are kept need an image. Photon noise is Gaussian here, of the right
    variance.

    Args:
        recipes: What is drawn; the rows of a batch take turns.
        seed: Seed of everything drawn.
        psf_images: Whether each row has an image of its PSF as well.

    Example:
        >>> stream = GalaxyStream([GalaxySimulation.preset("v3")], seed=1)
        >>> inputs, truth = stream(0, 4)
        >>> inputs["image"].shape, truth.shape
        ((4, 64, 64, 1), (4, 5))
    """

    def __init__(
        self,
        recipes: Sequence[GalaxySimulation],
        *,
        seed: int,
        psf_images: bool = False,
    ):
        self.recipes = list(recipes)
        self.seed = seed
        self.psf_images = psf_images
        first = self.recipes[0]
        camera = first.pixels, first.pixel_scale_arcsec
        self.renderer = shared_renderer(*camera)
        self.brightness = brightness(
            *camera,
            n=_span(r.sersic_n for r in self.recipes),
            radius=_span(r.half_light_radius_arcsec for r in self.recipes),
            shear=_span(r.shear for r in self.recipes),
            fwhm=_span(r.psf_fwhm_arcsec for r in self.recipes),
        )

    def __call__(self, number: int, rows: int):
        """The batch of that number.

        Returns:
            Inputs by name, `(row, ...)`, and parameters `(row, 5)`.
        """
        inputs, parameters, _ = self.batch(number, rows)
        return inputs, parameters

    def batch(self, number: int, rows: int):
        """As a call, and the images without noise, `(row, y, x, 1)`."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(number,))
        rng = np.random.Generator(np.random.SFC64(sequence))
        parts = [
            self.draw(recipe, len(range(i, rows, len(self.recipes))), rng)
            for i, recipe in enumerate(self.recipes)
        ]
        parameters, fwhm, sigma = (
            np.concatenate(arrays).astype("float32")
            for arrays in zip(*parts, strict=True)
        )
        clean = self.renderer.images(parameters, fwhm)
        scale = np.sqrt(sigma[:, None, None] ** 2 + np.maximum(clean, 0.0))
        noise = rng.standard_normal(clean.shape, dtype=np.float32)
        inputs = {
            "image": (clean + scale * noise)[..., None],
            "psf_fwhm_arcsec": fwhm,
            "noise_sigma": sigma,
        }
        if self.psf_images:
            inputs["psf_image"] = self.stars(fwhm)
        return inputs, parameters, clean[..., None]

    def stars(self, fwhm: np.ndarray) -> np.ndarray:
        """Images of the PSF, `(row, y, x, 1)`: of a galaxy too small to be seen."""
        point = np.tile([1.0, 0.5, 1e-3, 0.0, 0.0], (len(fwhm), 1))
        return self.renderer.images(point, fwhm)[..., None]

    def draw(self, recipe: GalaxySimulation, rows: int, rng: np.random.Generator):
        """Parameters `(row, 5)`, FWHM and noise levels of galaxies to be kept."""
        n = np.repeat(rng.uniform(*recipe.sersic_n, (rows, 1)), DRAWS, axis=1)
        columns, allowed = self.allowed(recipe, n, rng)
        # Where no draw of 32 will do, the last one is taken: one row in 10^7.
        chosen = np.where(allowed.any(axis=1), allowed.argmax(axis=1), DRAWS - 1)
        row = np.arange(rows)
        *parameters, fwhm, sigma = (column[row, chosen] for column in columns)
        return np.stack(parameters, axis=1), fwhm, sigma

    def allowed(self, recipe: GalaxySimulation, n: np.ndarray, rng):
        """Draws galaxies of given indices and tells which have an allowed S/N.

        Returns:
            Flux, index, radius, g1, g2, FWHM and noise level, and the verdicts; each
            of the shape of `n`.
        """
        flux = rng.uniform(*recipe.flux, n.shape)
        radius = rng.uniform(*recipe.half_light_radius_arcsec, n.shape)
        length = rng.uniform(*recipe.shear, n.shape)
        angle = rng.uniform(0.0, 2 * np.pi, n.shape)
        fwhm = rng.uniform(*recipe.psf_fwhm_arcsec, n.shape)
        sigma = rng.uniform(*recipe.noise_sigma, n.shape)
        at = np.stack([n, radius, length, fwhm], axis=-1)
        snr = np.exp(self.brightness(at)) * flux / sigma
        shear = length * np.cos(angle), length * np.sin(angle)
        columns = (flux, n, radius, *shear, fwhm, sigma)
        return columns, (snr >= recipe.snr[0]) & (snr <= recipe.snr[1])

    def acceptance(self, nodes: int = 24, draws: int = 4000):
        """A function from Sersic indices to the fraction of draws that is kept."""
        recipe = self.recipes[0]
        rng = np.random.default_rng(self.seed)
        n = np.linspace(*recipe.sersic_n, nodes)
        fractions = [
            self.allowed(recipe, np.full(draws, index), rng)[1].mean() for index in n
        ]
        return lambda index: np.interp(index, n, fractions)


# Streams of one process have the same few cameras and ranges: the renderer, which is
# compiled when it is first used, and the table are made once.


@functools.cache
def shared_renderer(pixels: int, pixel_scale_arcsec: float) -> GalaxyRenderer:
    """The renderer of a camera."""
    return GalaxyRenderer(pixels=pixels, pixel_scale_arcsec=pixel_scale_arcsec)


@functools.cache
def brightness(
    pixels: int, pixel_scale_arcsec: float, **ranges: tuple[float, float]
) -> RegularGridInterpolator:
    """Log of the root of the summed squares of images of unit flux.

    Args:
        pixels: Side of an image.
        pixel_scale_arcsec: Side of a pixel.
        **ranges: Of each of `NODES`, in its order, which is that of a point asked for.
    """
    axes = [_axis(*ranges[name], nodes) for name, nodes in NODES.items()]
    n, radius, shear, fwhm = (
        grid.ravel() for grid in np.meshgrid(*axes, indexing="ij")
    )
    # Between a shear along x and one along the diagonal there is little to choose.
    half = shear * np.sqrt(0.5)
    rows = np.stack([np.ones_like(n), n, radius, half, half], axis=1)
    images = shared_renderer(pixels, pixel_scale_arcsec).images(rows, fwhm)
    values = 0.5 * np.log(np.sum(images**2, axis=(1, 2)))
    return RegularGridInterpolator(axes, values.reshape([len(axis) for axis in axes]))


def _span(ranges: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The least range that holds all."""
    lows, highs = zip(*ranges, strict=True)
    return min(lows), max(highs)


def _axis(low: float, high: float, nodes: int) -> np.ndarray:
    """Nodes from `low` to `high`, closer at the lower end; two nodes for one value."""
    if low == high:
        return np.array([low, low * (1 + 1e-3) + 1e-6])
    return low + (high - low) * np.linspace(0.0, 1.0, nodes) ** 1.5

"""Galaxies with known truth, drawn by GalSim.

Each row has a seed of its own, so that it depends on the run's seed and its number
alone, and not on how many processes made the rows or where they began.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import galsim
import numpy as np

from keras_astro.data.galaxy_schema import GALAXIES
from keras_astro.data.parallel import in_order
from keras_astro.data.sample import Sample, concatenate
from keras_astro.simulate.galaxy_config import PARAMETERS, GalaxySimulation

BLOCK = 32

# More draws than any row within reasonable limits needs.
MOST_DRAWS = 10_000


def simulate(
    config: GalaxySimulation, n: int, *, seed: int, first: int = 0, jobs: int = 1
) -> Sample:
    """Simulates galaxies in memory; see `iter_simulate`.

    Example:
        >>> sample = simulate(GalaxySimulation.preset("v1"), 2, seed=1)
        >>> sample.inputs["image"].shape, sample.inputs["noise_sigma"].tolist()
        ((2, 64, 64, 1), [200.0, 200.0])
    """
    return concatenate(
        list(iter_simulate(config, n, seed=seed, first=first, jobs=jobs))
    )


def iter_simulate(
    config: GalaxySimulation,
    n: int,
    *,
    seed: int,
    first: int = 0,
    jobs: int = 1,
    skip: int = 0,
) -> Iterator[Sample]:
    """Simulates galaxies block by block.

    Args:
        config: What is drawn.
        n: Number of galaxies.
        seed: Same seed, same rows, whatever `jobs` and `first`.
        first: Number of the first row.
        jobs: Processes.
        skip: Leading blocks that are done already.

    Yields:
        Samples of at most 32 galaxies with images `(row, y, x, 1)`, the same without
        noise, and all truth.

    Raises:
        ValueError: If no galaxy within the limits reaches the signal to noise.

    Reference:
        Rowe et al. 2015, A&C 10, 121 (GalSim).
    """
    numbers = [
        range(start, min(start + BLOCK, first + n))
        for start in range(first, first + n, BLOCK)
    ]
    yield from in_order(partial(_block, config, seed), numbers, jobs=jobs, skip=skip)


def _block(config: GalaxySimulation, seed: int, numbers: range) -> Sample:
    rows = [_row(config, seed, number) for number in numbers]
    columns = {k: np.stack([row[k] for row in rows]).astype("float32") for k in rows[0]}
    names = np.array([f"sim-{seed}-{number}" for number in numbers])
    inputs = ("image", "psf_fwhm_arcsec", "noise_sigma")
    return Sample(
        GALAXIES,
        {k: columns[k] for k in inputs},
        {k: v for k, v in columns.items() if k not in inputs},
        {"id": names, "group": names},
        "simulated galaxies",
    )


def _row(config: GalaxySimulation, seed: int, number: int) -> dict[str, np.ndarray]:
    # The noise has a stream of its own: another noise leaves the galaxy as it is.
    sequence = np.random.SeedSequence(seed, spawn_key=(number,))
    draws, noise = (np.random.default_rng(child) for child in sequence.spawn(2))
    parameters, fwhm, sigma, clean = draw_galaxy(config, draws)
    image = add_noise(clean, sigma, noise)
    return dict(zip(PARAMETERS, parameters, strict=True)) | {
        "psf_fwhm_arcsec": fwhm,
        "noise_sigma": sigma,
        "snr": signal_to_noise(clean, sigma),
        "clean_image": clean[..., None],
        "image": image[..., None],
    }


def draw_galaxy(config: GalaxySimulation, rng: np.random.Generator):
    """Draws one galaxy within the limits.

    Returns:
        Its parameters `(5,)`, FWHM, noise level, and image `(y, x)` without noise.

    Raises:
        ValueError: If none of 10,000 draws has an allowed signal to noise.
    """
    n = rng.uniform(*config.sersic_n)
    low, high = config.snr
    for _ in range(MOST_DRAWS):
        flux = rng.uniform(*config.flux)
        radius = rng.uniform(*config.half_light_radius_arcsec)
        # An ellipse turned by half a turn is the same ellipse, at twice the angle.
        length, angle = rng.uniform(*config.shear), rng.uniform(0.0, 2 * np.pi)
        fwhm = rng.uniform(*config.psf_fwhm_arcsec)
        sigma = rng.uniform(*config.noise_sigma)
        shear = length * np.cos(angle), length * np.sin(angle)
        parameters = np.array([flux, n, radius, *shear])
        clean = draw_image(
            parameters,
            fwhm,
            pixels=config.pixels,
            pixel_scale_arcsec=config.pixel_scale_arcsec,
        )
        if low <= signal_to_noise(clean, sigma) <= high:
            return parameters, fwhm, sigma, clean
    raise ValueError(f"no galaxy of Sersic index {n:.3g} has {low} <= S/N <= {high}")


def draw_image(
    parameters,
    psf_fwhm_arcsec: float,
    *,
    pixels: int = 64,
    pixel_scale_arcsec: float = 0.23,
    gsparams: galsim.GSParams | None = None,
) -> np.ndarray:
    """One galaxy without noise, drawn by GalSim, `(y, x)`.

    Args:
        parameters: Flux, Sersic index, half-light radius in arcsec, g1, g2.
        psf_fwhm_arcsec: FWHM of a Moffat PSF of beta 2.
        pixels: Side of the image.
        pixel_scale_arcsec: Side of a pixel.
        gsparams: GalSim's accuracy; its defaults when None.
    """
    flux, n, radius, g1, g2 = (float(value) for value in parameters)
    galaxy = galsim.Sersic(n, half_light_radius=radius, flux=flux, gsparams=gsparams)
    star = galsim.Moffat(beta=2, fwhm=float(psf_fwhm_arcsec), gsparams=gsparams)
    seen = galsim.Convolve(galaxy.shear(g1=g1, g2=g2), star, gsparams=gsparams)
    drawn = seen.drawImage(nx=pixels, ny=pixels, scale=pixel_scale_arcsec)
    return drawn.array.astype("float64")


def add_noise(clean: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Photon noise of the galaxy and Gaussian noise of the sky, in electrons."""
    # A Fourier image may fall below zero by a rounding error.
    photons = rng.poisson(np.maximum(clean, 0.0))
    return photons + rng.normal(0.0, sigma, clean.shape)


def signal_to_noise(clean: np.ndarray, sigma: float) -> float:
    """Root of the sum of the squared signal over the noise of the sky.

    Example:
        >>> signal_to_noise(np.full((2, 2), 10.0), 2.0)
        10.0
    """
    return float(np.sqrt(np.sum(clean**2)) / sigma)

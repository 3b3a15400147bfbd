"""Flags on galaxies whose numbers should not be taken at face value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_astro.inference.galaxy_fit import SIDE
from keras_astro.simulate.galaxy_config import GalaxySimulation

# Standard deviations of the window in which the signal is weighed, in pixels.
WINDOW = 3.0
# Of what a centred galaxy leaves after subtracting it upside down, one in 30,000.
ASYMMETRY = 4.0
# Of rendered galaxies of the recipes, measured by the preset, one in 15,000 has a
# chi^2 that far from noise alone, in its standard deviations ...
MISFIT = 4.0
# ... and one in 2,500 a smooth residual beyond this; 12 is expected.
SMOOTH_MISFIT = 36.0
# Part of a PSF's image: that of a Gaussian is 0.1.
PSF_MISFIT = 0.05


def galaxy_flags(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Comma-separated warnings for each galaxy; empty when there is nothing to say.

    `low_snr`: below the signal to noise that the model was trained on, in a Gaussian
    window. `off_centre`: the image is not its own half turn within the noise, so that
    the galaxy is off centre, blended or not elliptical. `psf_outside`,
    `noise_outside`: beyond the range that the model was trained on. `masked`: pixels
    without data were filled. `psf_unlike`: the PSF's image is no Moffat profile.
    `misfit`: the image drawn anew from the means does not leave noise of the stated
    level; `out_of_domain`: it leaves smooth light, so that the galaxy is not one of
    those that the model knows.

    Args:
        inputs: Has `image` `(row, y, x, 1)`, `psf_fwhm_arcsec` and `noise_sigma`; the
            last three flags need `psf_misfit`, and the outputs of `galaxy_fit`.

    Returns:
        `(row,)` of text.

    Example:
        >>> flat = {"image": np.zeros((1, 64, 64, 1)), "psf_fwhm_arcsec": np.ones(1)}
        >>> galaxy_flags(flat | {"noise_sigma": np.full(1, 900.0)}).tolist()
        ['low_snr,noise_outside']
    """
    config = GalaxySimulation.preset("v3")
    images = np.asarray(inputs["image"], dtype=np.float64)[..., 0]
    fwhm, sigma = inputs["psf_fwhm_arcsec"], np.asarray(inputs["noise_sigma"])
    tests = {
        "low_snr": window_snr(images, sigma) < 0.5 * config.snr[0],
        "off_centre": asymmetry(images, sigma) > ASYMMETRY,
        "psf_outside": _outside(fwhm, config.psf_fwhm_arcsec),
        "noise_outside": _outside(sigma, config.noise_sigma),
    } | _told(inputs, min(SIDE, images.shape[1]) ** 2)
    return np.array(
        [
            ",".join(name for name, hit in tests.items() if hit[row])
            for row in range(len(images))
        ],
        dtype=str,
    )


def _told(inputs: Mapping[str, np.ndarray], pixels: int) -> dict[str, np.ndarray]:
    """Tests of numbers that not all rows come with."""
    found = {}
    if "missing_fraction" in inputs:
        found["masked"] = np.asarray(inputs["missing_fraction"]) > 0
    if "psf_misfit" in inputs:
        found["psf_unlike"] = np.asarray(inputs["psf_misfit"]) > PSF_MISFIT
    if "chi2_per_pixel" in inputs:
        excess = (np.asarray(inputs["chi2_per_pixel"]) - 1) * np.sqrt(pixels / 2)
        found["misfit"] = np.abs(excess) > MISFIT
        found["out_of_domain"] = np.asarray(inputs["residual_chi2"]) > SMOOTH_MISFIT
    return found


def window_snr(images: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Signal to noise of the sum in a Gaussian window at the centre, `(row,)`."""
    weight = _window(images.shape[1:])
    return np.einsum("nyx,yx->n", images, weight) / (sigma * np.sqrt(np.sum(weight**2)))


def asymmetry(images: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """How far images are from their half turns, in sigma, `(row,)`.

    The squared differences over their variance are summed in a Gaussian window and
    compared with what noise alone gives.
    """
    half = images - images[:, ::-1, ::-1]
    signal = np.maximum(images + images[:, ::-1, ::-1], 0.0)
    square = half**2 / (2 * np.asarray(sigma)[:, None, None] ** 2 + signal)
    weight = _window(images.shape[1:])
    # Each pair of pixels comes twice.
    scatter = np.sqrt(4.0 * np.sum(weight**2))
    return np.einsum("nyx,yx->n", square - 1.0, weight) / scatter


def _window(shape: tuple[int, int]) -> np.ndarray:
    y, x = (np.arange(side) - (side - 1) / 2 for side in shape)
    return np.exp(-0.5 * (y[:, None] ** 2 + x**2) / WINDOW**2)


def _outside(values, limits: tuple[float, float]) -> np.ndarray:
    values = np.asarray(values)
    margin = 1e-3 * limits[1]
    return (values < limits[0] - margin) | (values > limits[1] + margin)

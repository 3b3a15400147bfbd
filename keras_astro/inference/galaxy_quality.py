"""Flags on galaxies whose numbers should not be taken at face value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_astro.simulate.galaxy_config import GalaxySimulation

# Standard deviations of the window in which the signal is weighed, in pixels.
WINDOW = 3.0
# Of what a centred galaxy leaves after subtracting it upside down, one in 30,000.
ASYMMETRY = 4.0


def galaxy_flags(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Comma-separated warnings for each galaxy; empty when there is nothing to say.

    `low_snr`: below the signal to noise that the model was trained on, in a Gaussian
    window. `off_centre`: the image is not its own half turn within the noise, so that
    the galaxy is off centre, blended or not elliptical. `psf_outside`,
    `noise_outside`: beyond the range that the model was trained on.

    Args:
        inputs: Has `image` `(row, y, x, 1)`, `psf_fwhm_arcsec` and `noise_sigma`.

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
    }
    return np.array(
        [
            ",".join(name for name, hit in tests.items() if hit[row])
            for row in range(len(images))
        ],
        dtype=str,
    )


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

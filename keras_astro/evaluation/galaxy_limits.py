"""How well a galaxy could be measured: Cramer-Rao bounds from rendered derivatives."""

from __future__ import annotations

import numpy as np

from keras_astro.simulate.galaxy_renderer import GalaxyRenderer

# Steps of the central differences: flux relative to itself, the others as they are.
STEPS = (0.01, 0.02, 0.004, 0.005, 0.005)


def jacobian(
    renderer: GalaxyRenderer, parameters: np.ndarray, fwhm: np.ndarray
) -> np.ndarray:
    """Derivatives of images by central differences, `(row, parameter, y, x)`.

    Args:
        renderer: Grid of pixels.
        parameters: `(row, 5)`.
        fwhm: FWHM of the PSF in arcsec, `(row,)`.
    """
    size = parameters.shape[1]
    steps = np.tile(np.array(STEPS), (len(parameters), 1))
    steps[:, 0] *= parameters[:, 0]
    moved = [
        parameters + sign * steps * np.eye(size)[i]
        for sign in (1, -1)
        for i in range(size)
    ]
    images = renderer.images(np.concatenate(moved), np.tile(fwhm, 2 * size))
    images = images.reshape((2, size, len(parameters), *images.shape[1:]))
    difference = np.moveaxis(images[0] - images[1], 0, 1).astype("float64")
    return difference / (2 * steps[:, :, None, None])


def cramer_rao(
    renderer: GalaxyRenderer,
    parameters: np.ndarray,
    fwhm: np.ndarray,
    sigma: np.ndarray,
) -> np.ndarray:
    """Least covariance of any unbiased estimate, `(row, parameter, parameter)`.

    The inverse of the Fisher matrix of pixels with variance sigma^2 + signal. Estimates
    that know the prior's limits are biased and may scatter less.

    Args:
        renderer: Grid of pixels.
        parameters: True parameters, `(row, 5)`.
        fwhm: FWHM of the PSF in arcsec, `(row,)`.
        sigma: Noise of the sky, `(row,)`.

    Reference:
        Cramer 1946, Mathematical Methods of Statistics, 32.3.
    """
    parameters = np.asarray(parameters, "float64")
    return np.linalg.inv(fisher(renderer, parameters, fwhm, sigma))


def fisher(renderer, parameters, fwhm, sigma) -> np.ndarray:
    """Fisher matrices, `(row, parameter, parameter)`."""
    derivative = jacobian(renderer, parameters, fwhm)
    signal = np.maximum(renderer.images(parameters, fwhm), 0.0)
    weight = 1.0 / (np.asarray(sigma)[:, None, None] ** 2 + signal)
    return np.einsum("niyx,njyx,nyx->nij", derivative, derivative, weight)

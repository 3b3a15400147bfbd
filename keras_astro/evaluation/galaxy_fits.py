"""The classical rival: galaxies fitted to their images by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy.optimize import minimize

from keras_astro.evaluation.galaxy_limits import jacobian
from keras_astro.simulate.galaxy_renderer import GalaxyRenderer

# Shapes from which each fit starts: Sersic index, half-light radius over the PSF's
# FWHM. The best end counts.
STARTS = ((1.0, 0.4), (2.5, 0.5), (4.5, 0.6))
ITERATIONS = 40
# At first, at least, at most.
DAMPING = (1e-2, 1e-8, 1e8)


@dataclass
class Fits:
    """Fitted galaxies.

    Args:
        parameters: `(row, 5)`.
        chi2: Chi^2 over the number of pixels, `(row,)`; 1 where model and noise hold.
        renderings: Images rendered for a row.
    """

    parameters: np.ndarray
    chi2: np.ndarray
    renderings: float


def fit_galaxies(
    renderer: GalaxyRenderer,
    images: np.ndarray,
    fwhm: np.ndarray,
    sigma: np.ndarray,
    low,
    high,
    *,
    starts=STARTS,
    iterations: int = ITERATIONS,
) -> Fits:
    """Fits all rows at once by Levenberg and Marquardt, from several starts each.

    Steps are scaled by the diagonal of the Fisher matrix and cut at the limits;
    parameters that are pushed against a limit rest there.

    Args:
        renderer: Grid of pixels.
        images: `(row, y, x)`.
        fwhm: FWHM of the PSF in arcsec, `(row,)`.
        sigma: Noise of the sky, `(row,)`.
        low: Lower limits of the parameters.
        high: Upper limits.
        starts: Pairs of Sersic index and radius over FWHM.
        iterations: Steps of each fit.

    Reference:
        Marquardt 1963, J. SIAM 11, 431.
    """
    rows, count = len(images), len(starts)
    first = np.concatenate([moments_start(images, fwhm, s, low, high) for s in starts])
    repeated = (np.concatenate([a] * count) for a in (images, fwhm, sigma))
    found, value = _descend(renderer, first, *repeated, low, high, iterations)
    best = value.reshape(count, rows).argmin(axis=0)
    parameters = found.reshape(count, rows, -1)[best, np.arange(rows)]
    return Fits(
        parameters,
        chi_square(renderer, parameters, images, fwhm, sigma),
        # Ten for the derivatives, one for the model, one for the step.
        renderings=12.0 * count * iterations,
    )


def _descend(renderer, at, images, fwhm, sigma, low, high, iterations):
    damping = np.full(len(at), DAMPING[0])
    value = deviance(renderer, at, images, fwhm, sigma)
    for _ in range(iterations):
        model = renderer.images(at, fwhm)
        weight = 1.0 / (sigma[:, None, None] ** 2 + np.maximum(model, 0.0))
        derivative = jacobian(renderer, at, fwhm)
        normal = np.einsum("niyx,njyx,nyx->nij", derivative, derivative, weight)
        slope = np.einsum("niyx,nyx->ni", derivative, weight * (images - model))
        resting = ((at <= low) & (slope < 0)) | ((at >= high) & (slope > 0))
        slope[resting] = 0.0
        scale = np.sqrt(np.einsum("nii->ni", normal))
        normal /= scale[:, :, None] * scale[:, None]
        normal[resting] = 0.0
        normal.transpose(0, 2, 1)[resting] = 0.0
        normal += damping[:, None, None] * np.eye(5)
        np.einsum("nii->ni", normal)[resting] = 1.0
        step = np.linalg.solve(normal, (slope / scale)[..., None])[..., 0] / scale
        trial = np.clip(at + step, low, high)
        changed = deviance(renderer, trial, images, fwhm, sigma)
        better = changed < value
        at = np.where(better[:, None], trial, at)
        value = np.where(better, changed, value)
        damping = np.clip(damping * np.where(better, 0.3, 5.0), *DAMPING[1:])
    return at, value


def deviance(renderer, parameters, images, fwhm, sigma) -> np.ndarray:
    """Minus twice the log likelihood, up to a constant, `(row,)`.

    The photon noise belongs to the model: without the logarithm of the variance, a
    brighter model would be a better one.
    """
    model = renderer.images(parameters, fwhm)
    sky = sigma[:, None, None] ** 2
    variance = sky + np.maximum(model, 0.0)
    terms = (images - model) ** 2 / variance + np.log(variance / sky)
    return np.sum(terms, axis=(1, 2), dtype="float64")


def chi_square(renderer, parameters, images, fwhm, sigma) -> np.ndarray:
    """Chi^2 over the number of pixels, `(row,)`, with the model's photon noise."""
    model = renderer.images(parameters, fwhm)
    variance = sigma[:, None, None] ** 2 + np.maximum(model, 0.0)
    return np.mean((images - model) ** 2 / variance, axis=(1, 2), dtype="float64")


def moments_start(images, fwhm, start, low, high) -> np.ndarray:
    """Parameters to begin with: the image's sum, a given shape, no shear."""
    n, size = start
    flux = images.sum(axis=(1, 2))
    ones = np.ones(len(images))
    first = np.stack([flux, n * ones, size * fwhm, 0 * ones, 0 * ones], axis=1)
    # A little inside, where derivatives on both sides exist.
    margin = 1e-3 * np.subtract(high, low)
    return np.clip(first, low + margin, high - margin)


def fit_by_quasi_newton(
    renderer: GalaxyRenderer, images, fwhm, sigma, low, high, *, start=STARTS[1]
) -> Fits:
    """Fits row by row by L-BFGS-B on scaled parameters, with exact derivatives.

    Arguments as for `fit_galaxies`, with a single start.

    Reference:
        Byrd, Lu, Nocedal and Zhu 1995, SIAM J. Sci. Comput. 16, 1190.
    """
    low, width = np.asarray(low), np.subtract(high, low)

    @tf.function(jit_compile=True)
    def slope(p, image, psf, noise):
        with tf.GradientTape() as tape:
            tape.watch(p)
            model = renderer(p[None], psf[None])[0]
            variance = noise**2 + tf.maximum(model, 0.0)
            value = tf.reduce_sum((image - model) ** 2 / variance)
            value += tf.reduce_sum(tf.math.log(variance / noise**2))
        return value, tape.gradient(value, p)

    found, evaluations = [], 0
    first = moments_start(images, fwhm, start, low, low + width)
    for row in range(len(images)):
        known = [tf.constant(a[row], tf.float32) for a in (images, fwhm, sigma)]

        def objective(x, known=known):
            value, gradient = slope(tf.constant(low + width * x, tf.float32), *known)
            return float(value), np.asarray(gradient, "float64") * width

        result = minimize(
            objective,
            (first[row] - low) / width,
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, 1.0)] * len(low),
        )
        found.append(low + width * result.x)
        evaluations += result.nfev
    parameters = np.array(found)
    chi2 = chi_square(renderer, parameters, images, fwhm, sigma)
    return Fits(parameters, chi2, evaluations / len(images))

"""Whether a galaxy looks as its numbers say: its image against the one drawn anew."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_astro.simulate.galaxy_config import PARAMETERS, GalaxySimulation
from keras_astro.simulate.galaxy_images import draw_images

# Side of the centre that is compared: what lies beyond is noise.
SIDE = 48
# Standard deviations, in pixels, of the Gaussians that a residual is weighed with:
# round ones, ones with two lobes, and ones with four.
ROUND, LOBES = (2.0, 4.0, 8.0, 16.0), (3.0, 8.0)
CHUNK = 64

COLUMNS = {
    "chi2_per_pixel": (
        "",
        "Squared residual of the image drawn anew from the means over its variance",
    ),
    "residual_chi2": ("", "Chi^2 of the smooth part of that residual, in 12 modes"),
}


def agreement(
    inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """How far images are from those that the posterior means would give.

    Args:
        inputs: Has `image` `(row, y, x, 1)`, `psf_fwhm_arcsec` and `noise_sigma`.
        outputs: Has the posterior means, `(row,)` each.

    Returns:
        `chi2_per_pixel` over the central 48 x 48 pixels, 1 for noise alone, and
        `residual_chi2` of twelve smooth modes, to which noise adds 12; `(row,)` each.
    """
    images = np.asarray(inputs["image"], "float32")[..., 0]
    fwhm, sigma = (np.asarray(inputs[k]) for k in ("psf_fwhm_arcsec", "noise_sigma"))
    means = np.stack([outputs[name] for name in PARAMETERS], axis=1)
    side = min(SIDE, images.shape[1] // 4 * 4)
    edge = (images.shape[1] - side) // 2
    images = images[:, edge : edge + side, edge : edge + side]
    scale = GalaxySimulation().pixel_scale_arcsec
    templates = modes(side)
    parts = [
        _compare(
            images[i : i + CHUNK],
            means[i : i + CHUNK],
            fwhm[i : i + CHUNK],
            sigma[i : i + CHUNK],
            templates,
            scale,
        )
        for i in range(0, len(images), CHUNK)
    ]
    chi2, smooth = (np.concatenate(part) for part in zip(*parts, strict=True))
    return {"chi2_per_pixel": chi2, "residual_chi2": smooth}


def _compare(images, means, fwhm, sigma, templates, scale):
    side = images.shape[1]
    model = draw_images(means, fwhm, pixels=side, pixel_scale_arcsec=scale)
    residual = (images - model).reshape(len(images), -1)
    variance = sigma[:, None] ** 2 + np.maximum(model, 0.0).reshape(residual.shape)
    chi2 = np.mean(residual**2 / variance, axis=1)
    sums = residual @ templates.T
    scatter = np.einsum("mp,np,lp->nml", templates, variance, templates, optimize=True)
    solved = np.linalg.solve(scatter, sums[..., None])[..., 0]
    return chi2.astype("float32"), np.sum(sums * solved, axis=1).astype("float32")


def modes(side: int) -> np.ndarray:
    """Smooth patterns around the centre, `(mode, y * x)`."""
    x = np.arange(side) - (side - 1) / 2
    x, y = x[None, :], x[:, None]
    square = x**2 + y**2
    found = [np.exp(-square / (2 * s**2)) for s in ROUND]
    for s in LOBES:
        weight = np.exp(-square / (2 * s**2)) / s
        found += [x * weight, y * weight]
        found += [(x**2 - y**2) * weight / s, 2 * x * y * weight / s]
    flat = np.stack(found).reshape(len(found), -1)
    return (flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype("float32")

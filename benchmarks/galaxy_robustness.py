"""What a galaxy model makes of galaxies unlike those that it was trained on.

The same galaxies and noise come back in each case, drawn by GalSim with one thing
changed: off centre by half a pixel, behind an elliptical PSF, said to have a PSF 5 %
too wide or too narrow, beside a fainter neighbour, with a bulge and a disk in place of
one Sersic profile (of the same flux and half-light radius; its index has no truth), or
larger than any that it was trained on (a radius that no estimate can reach).

    python benchmarks/galaxy_robustness.py keras_astro/presets/galaxies.tflite
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import galsim
import numpy as np
from scipy.optimize import brentq
from scipy.special import gammainc, gammaincinv

from keras_astro.inference.flags import row_flags
from keras_astro.inference.galaxy_fit import agreement
from keras_astro.inference.predictor import open_predictor
from keras_astro.simulate.galaxies import add_noise, draw_galaxy, draw_image
from keras_astro.simulate.galaxy_config import PARAMETERS, GalaxySimulation

CONFIG = GalaxySimulation.preset("v3")
OFFSET_PIXELS = 0.5
ELLIPTICITY = 0.05
PSF_ERROR = 0.05
# Of the galaxy's flux, and arcsec from it.
NEIGHBOUR_FLUX, NEIGHBOUR_DISTANCE = 0.3, 2.5
# Flux of the bulge over the whole, and its radius over that of the disk.
BULGE_FLUX, BULGE_RADIUS = 0.4, 0.4
# Beyond the prior's 0.6 arcsec.
LARGE_RADIUS = 0.8
FLAGS = ("off_centre", "prior_edge", "misfit", "out_of_domain", "psf_outside")
# Parameters without truth, or whose truth cannot be met.
UNKNOWN = {
    "bulge and disk": ("sersic_n",),
    "larger than the prior": PARAMETERS,
}


def star(fwhm: float) -> galsim.GSObject:
    """The PSF of the recipe."""
    return galsim.Moffat(beta=2, fwhm=fwhm)


def drawn(galaxy: galsim.GSObject, psf: galsim.GSObject, offset=(0.0, 0.0)):
    """An image of a galaxy behind a PSF, in the recipe's pixels, `(y, x)`."""
    image = galsim.Convolve(galaxy, psf).drawImage(
        nx=CONFIG.pixels,
        ny=CONFIG.pixels,
        scale=CONFIG.pixel_scale_arcsec,
        offset=offset,
    )
    return image.array.astype("float64")


def light_within(radius: float, index: float, half_light_radius: float) -> float:
    """Fraction of a Sersic profile's light within a radius (Graham & Driver 2005)."""
    b = gammaincinv(2 * index, 0.5)
    return gammainc(2 * index, b * (radius / half_light_radius) ** (1 / index))


def bulge_and_disk(flux: float, radius: float) -> galsim.GSObject:
    """De Vaucouleurs bulge in an exponential disk, by the half-light radius of all."""

    def beyond_half(r):
        bulge = BULGE_FLUX * light_within(r, 4.0, BULGE_RADIUS)
        return bulge + (1 - BULGE_FLUX) * light_within(r, 1.0, 1.0) - 0.5

    disk = radius / brentq(beyond_half, 0.1, 2.0)
    return galsim.Sersic(
        4.0, half_light_radius=BULGE_RADIUS * disk, flux=BULGE_FLUX * flux
    ) + galsim.Exponential(half_light_radius=disk, flux=(1 - BULGE_FLUX) * flux)


def cases(parameters: np.ndarray, fwhm: float, turn: float) -> dict:
    """By case: an image without noise, and the FWHM that the model is told."""
    flux, index, radius, g1, g2 = map(float, parameters)
    smooth = galsim.Sersic(index, half_light_radius=radius, flux=flux)
    galaxy, psf = smooth.shear(g1=g1, g2=g2), star(fwhm)
    way = np.array([np.cos(turn), np.sin(turn)])
    neighbour = galsim.Exponential(
        half_light_radius=radius, flux=NEIGHBOUR_FLUX * flux
    ).shift(*(NEIGHBOUR_DISTANCE * way))
    plain = draw_image(parameters, fwhm)
    return {
        "as trained on": (plain, fwhm),
        "off centre": (drawn(galaxy, psf, OFFSET_PIXELS * way), fwhm),
        "elliptical PSF": (drawn(galaxy, psf.shear(e1=ELLIPTICITY, e2=0.0)), fwhm),
        "PSF said too wide": (plain, fwhm * (1 + PSF_ERROR)),
        "PSF said too narrow": (plain, fwhm * (1 - PSF_ERROR)),
        "neighbour": (drawn(galaxy + neighbour, psf), fwhm),
        "bulge and disk": (
            drawn(bulge_and_disk(flux, radius).shear(g1=g1, g2=g2), psf),
            fwhm,
        ),
        "larger than the prior": (
            draw_image((flux, index, LARGE_RADIUS, g1, g2), fwhm),
            fwhm,
        ),
    }


def simulate(rows: int, *, seed: int):
    """Inputs by case, and the truth `(row, 5)`."""
    inputs: dict[str, dict[str, list]] = {}
    truth = []
    for row in range(rows):
        sequence = np.random.SeedSequence(seed, spawn_key=(row,))
        draws, way, noise = sequence.spawn(3)
        parameters, fwhm, sigma, _ = draw_galaxy(CONFIG, np.random.default_rng(draws))
        turn = np.random.default_rng(way).uniform(0, 2 * np.pi)
        truth.append(parameters)
        for name, (clean, told) in cases(parameters, fwhm, turn).items():
            noisy = add_noise(clean, sigma, np.random.default_rng(noise))
            columns = inputs.setdefault(name, {})
            columns.setdefault("image", []).append(noisy[..., None])
            columns.setdefault("psf_fwhm_arcsec", []).append(told)
            columns.setdefault("noise_sigma", []).append(sigma)
    stacked = {
        name: {k: np.array(v, "float32") for k, v in columns.items()}
        for name, columns in inputs.items()
    }
    return stacked, np.array(truth)


def measure(model: Path, *, rows: int, seed: int) -> dict:
    """Errors, biases, coverage and flags of each case."""
    predictor = open_predictor(model)
    inputs, truth = simulate(rows, seed=seed)
    result = {}
    for case, given in inputs.items():
        outputs = predictor.run("predict", given, batch_size=256)
        outputs |= agreement(given, outputs)
        flags = row_flags("galaxies", given, outputs)
        words = [text.split(",") for text in flags.tolist()]
        found = {"flagged": {n: sum(n in w for w in words) / rows for n in FLAGS}}
        for i, name in enumerate(PARAMETERS):
            if name in UNKNOWN.get(case, ()):
                continue
            error = outputs[name] - truth[:, i]
            q = outputs[f"{name}_quantiles"]
            inside = [
                float(np.mean((q[:, low] <= truth[:, i]) & (truth[:, i] <= q[:, high])))
                for low, high in ((1, 3), (0, 4))
            ]
            found[name] = {
                "rmse": float(np.sqrt(np.mean(error**2))),
                "bias": float(np.mean(error)),
                "coverage_68": inside[0],
                "coverage_95": inside[1],
            }
        result[case] = found
    return result


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark and prints its result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="run folder or artefact")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--seed", type=int, default=500)
    args = parser.parse_args(argv)
    print(json.dumps(measure(args.model, rows=args.rows, seed=args.seed), indent=1))


if __name__ == "__main__":
    main()

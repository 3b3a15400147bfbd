"""Speed of the lens renderer against lenstronomy's image simulation.

Both make the same images on one thread: an isothermal ellipsoid with external shear and
25 subhalos bends the light of an elliptical Sersic source; the Sersic light of the lens
is added and everything is blurred by a Gaussian point-spread function. Nothing else is
timed: neither drawing parameters, nor lenstronomy's set-up of its models, nor noise.
Blocks of both alternate, so that a change of the machine's load meets both alike, and
the processor's time is counted, which on one thread of an idle machine is the time.

    python benchmarks/lens_simulator.py --repeats 7 --json
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import os
import statistics
import time
from collections.abc import Callable

# The libraries read these when they are first imported.
for _name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
from lenstronomy.Data.pixel_grid import PixelGrid  # noqa: E402
from lenstronomy.Data.psf import PSF  # noqa: E402
from lenstronomy.ImSim.image_model import ImageModel  # noqa: E402
from lenstronomy.LensModel.lens_model import LensModel  # noqa: E402
from lenstronomy.LightModel.light_model import LightModel  # noqa: E402

from keras_astro.simulate import lensing  # noqa: E402
from keras_astro.simulate.lens_config import LensingSimulation  # noqa: E402
from keras_astro.simulate.lens_fields import Subhalos  # noqa: E402
from keras_astro.simulate.lens_light import sersic_b  # noqa: E402

SUBHALOS = 25
PROFILES = {"sis": "SIS", "point": "POINT_MASS", "tnfw": "TNFW"}


def configuration(kind: str) -> LensingSimulation:
    """The grid and priors of the challenge images, with ellipses at any angle."""
    return LensingSimulation.preset("slc").replace(
        subhalo_kind=kind,
        aligned=False,
        ellipticity=(0.0, 0.3),
        light_ellipticity=(0.0, 0.3),
        source_ellipticity=(0.0, 0.2),
        psf_beta=0.0,
    )


def draw(config: LensingSimulation, n: int, *, seed: int):
    """Parameters of `n` lenses and exactly 25 subhalos for each."""
    rng = np.random.default_rng(seed)
    parameters = lensing.draw_parameters(config, n, rng)
    # Far more subhalos than are needed, so that none of those kept is missing.
    many = config.replace(subhalo_count=4.0 * SUBHALOS)
    halos = lensing.draw_subhalos(many, parameters, np.ones(n, bool), rng)
    kept = {k: getattr(halos, k)[:, :SUBHALOS] for k in ("x", "y", "mass", "scale")}
    grow = (halos.mass.sum(axis=1) / kept["mass"].sum(axis=1))[:, None]
    kept["mass"], kept["scale"] = kept["mass"] * grow, kept["scale"] * np.cbrt(grow)
    return parameters, dataclasses.replace(halos, **kept)


def ours(config: LensingSimulation, parameters, halos: Subhalos) -> np.ndarray:
    """Noiseless images by this package, `(lens, y, x)`."""
    return lensing.render(config, parameters, subhalos=halos)


class Lenstronomy:
    """Noiseless images by lenstronomy; models are built once, as its manual advises."""

    def __init__(self, config: LensingSimulation):
        axis = lensing.pixel_axis(config)
        grid = PixelGrid(
            nx=len(axis),
            ny=len(axis),
            transform_pix2angle=np.eye(2) * config.pixel_scale_arcsec,
            ra_at_xy_0=axis[0],
            dec_at_xy_0=axis[0],
        )
        psf = PSF(
            "GAUSSIAN",
            fwhm=config.psf_fwhm_arcsec,
            pixel_size=config.pixel_scale_arcsec,
            truncation=5,
        )
        profile = PROFILES[config.subhalo_kind]
        self.model = ImageModel(
            grid,
            psf,
            LensModel(["SIE", "SHEAR", *[profile] * SUBHALOS]),
            LightModel(["SERSIC_ELLIPSE"]),
            LightModel(["SERSIC_ELLIPSE"]),
            kwargs_numerics={"supersampling_factor": 1},
        )

    def __call__(self, parameters, halos: Subhalos) -> np.ndarray:
        """Images of all lenses, `(lens, y, x)`."""
        return np.stack(
            [
                self.model.image(*arguments(parameters, halos, i))
                for i in range(len(halos.mass))
            ]
        )


def arguments(parameters, halos: Subhalos, i: int):
    """Arguments of lenstronomy for lens, source and lens light of lens `i`."""
    p = {k: float(v[i]) for k, v in parameters.items()}
    lens = [
        {"theta_E": p["host_theta_E_arcsec"], "e1": p["e1"], "e2": p["e2"]},
        {"gamma1": p["gamma1"], "gamma2": p["gamma2"]},
        *(subhalo_arguments(halos, i, k) for k in range(SUBHALOS)),
    ]
    source = sersic_arguments(
        p["source_amplitude"], p["source_radius_arcsec"], p["source_n"]
    ) | {
        "e1": p["source_e1"],
        "e2": p["source_e2"],
        "center_x": p["source_x_arcsec"],
        "center_y": p["source_y_arcsec"],
    }
    light = sersic_arguments(1.0, p["lens_radius_arcsec"], p["lens_n"]) | {
        "e1": p["lens_e1"],
        "e2": p["lens_e2"],
    }
    return lens, [source], [light]


def subhalo_arguments(halos: Subhalos, i: int, k: int) -> dict[str, float]:
    """Arguments of lenstronomy for subhalo `k` of lens `i`."""
    mass, scale = float(halos.mass[i, k]), float(halos.scale[i, k])
    centre = {"center_x": float(halos.x[i, k]), "center_y": float(halos.y[i, k])}
    if halos.kind == "sis":
        return {"theta_E": mass / scale, **centre}
    if halos.kind == "point":
        return {"theta_E": mass**0.5, **centre}
    t = halos.tau
    total = (t * t - 1) * np.log(t) + t * np.pi - (t * t + 1)
    density = mass * (t * t + 1) ** 2 / (t * t * total)
    return {
        "Rs": scale,
        # The deflection at the scale radius of the same halo without truncation.
        "alpha_Rs": density * (1 + np.log(0.5)) / scale,
        "r_trunc": t * scale,
        **centre,
    }


def sersic_arguments(amplitude: float, radius: float, n: float) -> dict[str, float]:
    """Arguments of lenstronomy for a Sersic profile.

    lenstronomy takes b = 1.9992 n - 0.3271, which is off by some 0.5 %; radius and
    amplitude make up for it, so that both draw the same profile.
    """
    exact, rough = float(sersic_b(n)), 1.9992 * n - 0.3271
    return {
        "amp": amplitude * np.exp(exact - rough),
        "R_sersic": radius * (rough / exact) ** n,
        "n_sersic": n,
    }


def seconds(function: Callable, *args) -> float:
    """Processor time of one call; the turns of other programs do not count."""
    start = time.process_time()
    function(*args)
    return time.process_time() - start


def measure(*, kind: str, repeats: int, images: int, reference_images: int) -> dict:
    """Times both in alternating blocks and compares their images.

    Args:
        kind: Subhalo profile.
        repeats: Pairs of blocks.
        images: Images in a block of this package.
        reference_images: Images in a block of lenstronomy.
    """
    config = configuration(kind)
    reference = Lenstronomy(config)
    parameters, halos = draw(config, reference_images, seed=0)
    # This comparison also warms both up: tables, splines, compiled functions.
    expected = reference(parameters, halos) / config.pixel_scale_arcsec**2
    found = ours(config, parameters, halos)
    error = np.abs(found - expected).max(axis=(1, 2)) / expected.max(axis=(1, 2))
    rates = {"ours": [], "lenstronomy": []}
    for repeat in range(repeats):
        large = draw(config, images, seed=2 * repeat + 1)
        small = draw(config, reference_images, seed=2 * repeat + 2)
        rates["ours"].append(images / seconds(ours, config, *large))
        rates["lenstronomy"].append(reference_images / seconds(reference, *small))
    ratios = [a / b for a, b in zip(*rates.values(), strict=True)]
    return {
        "subhalo_kind": kind,
        "subhalos": SUBHALOS,
        "pixels": config.pixels,
        "lenstronomy_version": importlib.metadata.version("lenstronomy"),
        "repeats": repeats,
        "images_per_s": {k: summary(v) for k, v in rates.items()},
        "ratio": summary(ratios),
        "largest_difference_over_peak": float(error.max()),
    }


def summary(values: list[float]) -> dict[str, float]:
    """Median and range."""
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
    }


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark and prints its result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subhalo-kind", choices=sorted(PROFILES), default="sis")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", type=int, default=192, help="ours, per repeat")
    parser.add_argument(
        "--reference-images", type=int, default=24, help="lenstronomy's, per repeat"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    result = measure(
        kind=args.subhalo_kind,
        repeats=args.repeats,
        images=args.images,
        reference_images=args.reference_images,
    )
    if args.json:
        print(json.dumps(result, indent=2))
        return
    print(
        f"Compared: noiseless {result['pixels']} px images of SIE + shear + "
        f"{SUBHALOS} {args.subhalo_kind} subhalos + Sersic source and lens light + "
        "Gaussian PSF, one thread each, alternating blocks"
    )
    for name, rate in result["images_per_s"].items():
        print(f"{name:>12}: {line(rate)} images/s")
    print(f"{'ratio':>12}: {line(result['ratio'])} (aim: at least 5)")
    print(
        "largest difference of a pixel over the image's peak: "
        f"{result['largest_difference_over_peak']:.1e}"
    )


def line(values: dict[str, float]) -> str:
    """Median (min..max) as text."""
    return f"{values['median']:.1f} ({values['min']:.1f}..{values['max']:.1f})"


if __name__ == "__main__":
    main()

"""Speed of the batched galaxy renderer against GalSim at indices that never repeat.

Both make the same noiseless images: a sheared Sersic galaxy of any index behind a
Moffat point-spread function. Blocks of both alternate, so that a change of the
machine's load meets both alike, and the processor's time is counted, on all threads.

    python benchmarks/galaxy_renderer.py --repeats 5 --json
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_astro.simulate.galaxies import draw_image
from keras_astro.simulate.galaxy_config import GalaxySimulation
from keras_astro.simulate.galaxy_renderer import GalaxyRenderer

BATCH = 32


def draw(n: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Parameters `(n, 5)` and FWHM `(n,)` over the whole range of preset v3."""
    config, rng = GalaxySimulation.preset("v3"), np.random.default_rng(seed)
    length, angle = rng.uniform(*config.shear, n), rng.uniform(0, 2 * np.pi, n)
    columns = (
        rng.uniform(*config.flux, n),
        rng.uniform(*config.sersic_n, n),
        rng.uniform(*config.half_light_radius_arcsec, n),
        length * np.cos(angle),
        length * np.sin(angle),
    )
    parameters = np.stack(columns, axis=1).astype("float32")
    return parameters, rng.uniform(*config.psf_fwhm_arcsec, n).astype("float32")


def galsim_images(parameters, fwhm) -> np.ndarray:
    """Images by GalSim, `(row, y, x)`."""
    return np.stack([draw_image(*row) for row in zip(parameters, fwhm, strict=True)])


def ours(render: Callable, parameters, fwhm) -> np.ndarray:
    """Images by this package, `(row, y, x)`."""
    starts = range(0, len(fwhm), BATCH)
    return np.concatenate(
        [render(parameters[i : i + BATCH], fwhm[i : i + BATCH]) for i in starts]
    )


def rate(function: Callable, n: int, *, seed: int) -> float:
    """Images per second of processor time."""
    rows = draw(n, seed=seed)
    start = time.process_time()
    function(*rows)
    return n / (time.process_time() - start)


def measure(*, repeats: int, images: int, reference_images: int) -> dict:
    """Times both in alternating blocks and compares their images."""
    render = tf.function(GalaxyRenderer().__call__, jit_compile=True)

    def fast(parameters, fwhm):
        return ours(render, parameters, fwhm)

    rows = draw(2 * BATCH, seed=0)
    expected, found = galsim_images(*rows), fast(*rows)
    size = (1, 2)
    peak = np.abs(found - expected).max(axis=size) / expected.max(axis=size)
    total = np.sqrt(
        np.sum((found - expected) ** 2, axis=size) / np.sum(expected**2, axis=size)
    )
    rates = {"renderer": [], "galsim": []}
    for repeat in range(repeats):
        rates["renderer"].append(rate(fast, images, seed=2 * repeat + 1))
        rates["galsim"].append(
            rate(galsim_images, reference_images, seed=2 * repeat + 2)
        )
    ratios = [a / b for a, b in zip(*rates.values(), strict=True)]
    return {
        "galsim_version": importlib.metadata.version("galsim"),
        "repeats": repeats,
        "images_per_cpu_s": {k: summary(v) for k, v in rates.items()},
        "ratio": summary(ratios),
        "largest_difference_over_peak": float(peak.max()),
        "largest_total_in_sigma_at_snr_100": float(100 * total.max()),
    }


def summary(values: list[float]) -> dict[str, float]:
    """Median and range."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark and prints its result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", type=int, default=4096, help="ours, per repeat")
    parser.add_argument(
        "--reference-images", type=int, default=48, help="GalSim's, per repeat"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    result = measure(
        repeats=args.repeats,
        images=args.images,
        reference_images=args.reference_images,
    )
    if args.json:
        print(json.dumps(result, indent=2))
        return
    for name, found in (
        *result["images_per_cpu_s"].items(),
        ("ratio", result["ratio"]),
    ):
        spread = f"({found['min']:.0f}..{found['max']:.0f})"
        print(f"{name:>9}: {found['median']:.1f} {spread}")
    peak, total = (result[k] for k in list(result)[-2:])
    print(f"largest difference over the peak {peak:.1e}")
    print(f"largest difference in total {total:.3f} sigma at S/N 100")


if __name__ == "__main__":
    main()

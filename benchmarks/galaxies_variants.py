"""The variants of the galaxy network, each trained for the same processor time.

The compact network, the residual and the separable one, the compact one with the PSF
as an image, and as an autoencoder with labels, whose decoder is the renderer: all on
the same stream of fresh galaxies, from its start to as far as their time lasts, and
measured on the same 8,000 galaxies that no training has.

    python benchmarks/galaxies_variants.py --seconds 75 --seed 3
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from galaxies_two_stage import TEST_SEED, squared_errors, train

from keras_astro.simulate.galaxy_config import PARAMETERS, GalaxySimulation
from keras_astro.simulate.galaxy_stream import GalaxyStream
from keras_astro.tasks.galaxies import STAGE

VARIANTS = {
    "compact": [],
    "resnet": ["model.network=resnet"],
    "xception": ["model.network=xception"],
    "psf_image": ["preprocessing.psf=image"],
    "autoencoder": ["objective.reconstruction_weight=0.1"],
}


def measure(names: list[str], seconds: float, *, seed: int, rows: int) -> dict:
    """Errors of each variant, and what its training took."""
    stream = GalaxyStream(
        [GalaxySimulation.preset("v3")], seed=TEST_SEED, psf_images=True
    )
    found = {}
    for name in names:
        model, facts = train(VARIANTS[name], seconds, seed)
        rmse = np.sqrt(squared_errors(model, stream, rows).mean(axis=0))
        found[name] = facts[STAGE] | {
            f"rmse_{parameter}": float(value)
            for parameter, value in zip(PARAMETERS, rmse, strict=True)
        }
        print(name, json.dumps(found[name]), flush=True)
    return {"seconds": seconds, "seed": seed, "rows": rows, "variants": found}


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark and prints its result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=75.0, help="of processor time")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--rows", type=int, default=8000, help="of the test")
    parser.add_argument(
        "--variants", nargs="+", choices=sorted(VARIANTS), default=list(VARIANTS)
    )
    parser.add_argument("--json", type=Path, help="write the result there as well")
    args = parser.parse_args(argv)
    result = measure(args.variants, args.seconds, seed=args.seed, rows=args.rows)
    text = json.dumps(result, indent=1)
    if args.json:
        args.json.write_text(text)
    print(text)


if __name__ == "__main__":
    main()

r"""What fine-tuning is worth on spectra of another domain, without and with labels.

A run is measured on the same labelled rows before and after `kastro finetune`. Then its
regressors are trained anew with five labelled stars, drawn from the observed rows some
times, as `kastro finetune --labels` would from the same autoencoder.

    kastro simulate stellar -n 8000 -o clean.h5 --seed 11 \
        --set simulation.preset=cannon --set simulation.gap=clean
    kastro simulate stellar -n 4000 -o observed.h5 --seed 20 \
        --set simulation.preset=cannon --set simulation.gap=observed \
        --set simulation.rows_per_atmosphere=1
    (test.h5 likewise, -n 1000 --seed 30; then both with
    --seed 27 and 37 and --set simulation.gap_seed=7)
    kastro train stellar --data clean.h5 -o before
    kastro finetune before --data observed.h5 -o after
    python benchmarks/stellar_gap.py before after observed.h5 test.h5
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from keras_astro.data.readers import open_many
from keras_astro.data.sample import Source, WithoutTargets
from keras_astro.data.star_schema import STELLAR
from keras_astro.evaluation.stellar import grouped_rms
from keras_astro.models.stellar import end_name
from keras_astro.tasks.catalog import get_task
from keras_astro.tasks.default_data import open_rows
from keras_astro.tasks.stellar import outputs_of
from keras_astro.tasks.stellar_adaptation import StellarAdaptation
from keras_astro.tasks.stellar_features import LABELS
from keras_astro.training.fit import fit_stage
from keras_astro.training.run import Run
from keras_astro.training.train import make_parts

LEVELS = (68, 95)


def measure(model: keras.Model, test: Source) -> dict:
    """RMSE with its interval, bias and coverage, by label."""
    ends = [
        end_name(n, f"{e}_{c}") for n in LABELS for e in ("low", "high") for c in LEVELS
    ]
    names = {n: model.output[n] for n in (*LABELS, *ends)}
    found, truth = outputs_of(keras.Model(model.input, names), test)
    results = {}
    for i, name in enumerate(LABELS):
        error = found[name] - truth[:, i]
        rms = grouped_rms(error, test.facts()["group"], 1000)
        results[name] = {
            "rmse": [rms.value, rms.low, rms.high],
            "bias": float(error.mean()),
        }
        for level in LEVELS:
            low, high = (found[end_name(name, f"{e}_{level}")] for e in ("low", "high"))
            inside = (low <= truth[:, i]) & (truth[:, i] <= high)
            results[name][f"coverage_{level}"] = float(inside.mean())
    return results


def with_stars(
    before: Run, after: Run, observed: Source, few: int, draws: int
) -> Iterator[keras.Model]:
    """Full models, each with its labels learnt with other stars."""
    rows = open_rows(get_task("stellar"), before.config, story=lambda text: None)
    parts = make_parts(rows, before.split)
    adaptation = StellarAdaptation(
        after.config, before.load_model(), parts, WithoutTargets(observed), None
    )
    moved = after.load_model()
    adaptation.encoder = moved.get_layer("encoder")
    adaptation.decoder = moved.get_layer("decoder")
    rng = np.random.default_rng(0)
    for _ in range(draws):
        chosen = np.sort(rng.choice(len(observed), few, replace=False))
        adaptation.labelled = observed.take(chosen)
        keras.utils.set_random_seed(after.config.seed)
        stage = adaptation.label_stage()
        fit_stage(stage, after.config.train, seed=after.config.seed)
        yield adaptation.assemble({"labels": stage.model})


def summary(found: list[dict], without: dict) -> dict:
    """Over draws of stars: median, least and most, and the change of the RMSE."""
    results = {}
    for name in LABELS:
        rms = np.array([f[name]["rmse"][0] for f in found])
        change = rms / without[name]["rmse"][0] - 1
        results[name] = {
            "rmse": [float(q(rms)) for q in (np.median, np.min, np.max)],
            "change": [float(q(change)) for q in (np.median, np.min, np.max)],
            "bias": float(np.mean([f[name]["bias"] for f in found])),
        }
        for level in LEVELS:
            held = [f[name][f"coverage_{level}"] for f in found]
            results[name][f"coverage_{level}"] = float(np.mean(held))
    for level in LEVELS:
        held = [np.mean([f[n][f"coverage_{level}"] for n in LABELS]) for f in found]
        results[f"coverage_{level}"] = [float(q(held)) for q in (np.mean, min, max)]
    return results


def main() -> None:
    """Prints one JSON object; its parts on stderr as they come."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("before", "after", "observed", "test"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--stars", type=int, default=5)
    parser.add_argument("--draws", type=int, default=8)
    args = parser.parse_args()
    observed, test = (open_many([p], STELLAR) for p in (args.observed, args.test))
    runs = {name: Run.open(getattr(args, name)) for name in ("before", "after")}
    results = {name: measure(run.load_model(), test) for name, run in runs.items()}
    print(json.dumps(results), file=sys.stderr, flush=True)
    models = with_stars(*runs.values(), observed, args.stars, args.draws)
    found = []
    for model in models:
        found.append(measure(model, test))
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    results["with_stars"] = summary(found, results["after"])
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

r"""What fine-tuning is worth on spectra of another domain, without and with labels.

A run is measured on the same labelled rows before and after `kastro finetune`. Then it
is corrected by five labelled stars, drawn from the observed rows many times, as
`kastro finetune --labels` would do it from the same autoencoder: labelled stars train
nothing, so that the regressors are trained once.

    kastro simulate stellar -n 8000 -o clean.h5 --seed 11 \
        --set simulation.preset=cannon --set simulation.gap=clean
    kastro simulate stellar -n 4000 -o observed.h5 --seed 20 \
        --set simulation.preset=cannon --set simulation.gap=observed \
        --set simulation.rows_per_atmosphere=1
    (test.h5 likewise, -n 1000 --seed 30; then both with
    --seed 27 and 37 and --set simulation.gap_seed=7;
    --seed 311 and 411 and --set simulation.gap_seed=11, up to 316, 416 and 16)
    kastro train stellar --data clean.h5 -o before --set model.regressor_rate=1
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


def probe(model: keras.Model) -> keras.Model:
    """Labels and the ends of their intervals alone."""
    ends = [
        end_name(n, f"{e}_{c}") for n in LABELS for e in ("low", "high") for c in LEVELS
    ]
    return keras.Model(model.input, {n: model.output[n] for n in (*LABELS, *ends)})


def measure(model: keras.Model, test: Source) -> tuple[dict, np.ndarray]:
    """RMSE with its interval, bias and coverage, by label; errors `(row, label)`."""
    found, truth = outputs_of(model, test)
    results, errors = {}, []
    for i, name in enumerate(LABELS):
        error = found[name] - truth[:, i]
        errors.append(error)
        rms = grouped_rms(error, test.facts()["group"], 1000)
        results[name] = {
            "rmse": [rms.value, rms.low, rms.high],
            "bias": float(error.mean()),
        }
        for level in LEVELS:
            low, high = (found[end_name(name, f"{e}_{level}")] for e in ("low", "high"))
            inside = (low <= truth[:, i]) & (truth[:, i] <= high)
            results[name][f"coverage_{level}"] = float(inside.mean())
    return results, np.stack(errors, axis=1)


def with_stars(
    before: Run, after: Run, observed: Source, few: int, draws: int
) -> Iterator[keras.Model]:
    """One model that knows no stars, then corrected by some, again and again."""
    rows = open_rows(get_task("stellar"), before.config, story=lambda text: None)
    parts = make_parts(rows, before.split)
    adaptation = StellarAdaptation(
        after.config, before.load_model(), parts, WithoutTargets(observed), None
    )
    moved = after.load_model()
    adaptation.encoder = moved.get_layer("encoder")
    adaptation.decoder = moved.get_layer("decoder")
    keras.utils.set_random_seed(after.config.seed)
    stage = adaptation.label_stage()
    fit_stage(stage, after.config.train, seed=after.config.seed)
    model = adaptation.calibrated(stage.model, corrected=True)
    response = adaptation.response(model, stage.model)
    layers = [model.get_layer(name) for name in ("bounds", "correction")]
    alone = [layer.get_weights() for layer in layers]
    found = probe(model)
    yield found
    rng = np.random.default_rng(0)
    for _ in range(draws):
        chosen = np.sort(rng.choice(len(observed), few, replace=False))
        for layer, weights in zip(layers, alone, strict=True):
            layer.set_weights(weights)
        adaptation.known_stars(observed.take(chosen)).correct(model, response)
        yield found


def change(with_stars: np.ndarray, without: np.ndarray, groups: np.ndarray) -> dict:
    """Relative change of a label's RMSE by labelled stars, over draws of these.

    Args:
        with_stars: Errors, `(draw, row)`.
        without: Those of the same rows, `(row,)`.
        groups: Atmosphere of each row; test stars are drawn again by these.

    Returns:
        Mean over the draws with a 95 % interval, from a bootstrap over draws of
        labelled stars and over test stars at once, paired; the 5th, 50th and 95th
        percentile of single draws, the worst, and how many in 100 are better.
    """
    _, which = np.unique(groups, return_inverse=True)
    count = np.bincount(which)
    squares = np.stack(
        [np.bincount(which, weights=e**2) for e in (without, *with_stars)]
    )
    rms = np.sqrt(squares.sum(axis=1) / count.sum())
    single = rms[1:] / rms[0] - 1
    rng = np.random.default_rng(0)
    means = []
    for _ in range(2000):
        stars = rng.integers(len(count), size=len(count))
        again = np.sqrt(squares[:, stars].sum(axis=1))
        draws = rng.integers(len(single), size=len(single))
        means.append(np.mean(again[1:][draws]) / again[0] - 1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {
        "change": [float(single.mean()), float(low), float(high)],
        "change_5_50_95": np.percentile(single, [5, 50, 95]).tolist(),
        "change_worst": float(single.max()),
        "better_percent": float(100 * np.mean(single < 0)),
        "rmse_mean": float(rms[1:].mean()),
    }


def summary(found: list[dict], errors: np.ndarray, groups: np.ndarray) -> dict:
    """Over draws of stars: changes of the RMSE, biases and coverages.

    Args:
        found: What was measured without stars, then with each draw.
        errors: `(1 + draw, row, label)`.
        groups: Atmosphere of each row.
    """
    results = {}
    for i, name in enumerate(LABELS):
        results[name] = change(errors[1:, :, i], errors[0, :, i], groups)
        results[name]["bias"] = float(np.mean([f[name]["bias"] for f in found[1:]]))
        for level in LEVELS:
            held = [f[name][f"coverage_{level}"] for f in found[1:]]
            results[name][f"coverage_{level}"] = float(np.mean(held))
    for level in LEVELS:
        held = [np.mean([f[n][f"coverage_{level}"] for n in LABELS]) for f in found[1:]]
        results[f"coverage_{level}"] = [float(q(held)) for q in (np.mean, min, max)]
    return results


def main() -> None:
    """Prints one JSON object; its parts on stderr as they come."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("before", "after", "observed", "test"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--stars", type=int, default=5)
    parser.add_argument("--draws", type=int, default=20)
    args = parser.parse_args()
    observed, test = (open_many([p], STELLAR) for p in (args.observed, args.test))
    runs = {name: Run.open(getattr(args, name)) for name in ("before", "after")}
    results = {
        name: measure(probe(run.load_model()), test)[0] for name, run in runs.items()
    }
    print(json.dumps(results), file=sys.stderr, flush=True)
    models = with_stars(*runs.values(), observed, args.stars, args.draws)
    found, errors = [], []
    for model in models:
        one, error = measure(model, test)
        found.append(one)
        errors.append(error)
        print(json.dumps(one), file=sys.stderr, flush=True)
    groups = test.facts()["group"]
    results["without_stars"] = found[0]
    results["with_stars"] = summary(found, np.stack(errors), groups)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

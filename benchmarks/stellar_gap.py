r"""What fine-tuning without labels is worth on spectra of another domain.

Two runs, before and after `kastro finetune`, are measured on the same labelled rows;
then each is corrected by five labelled stars drawn from the observed rows, 200 times.

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
from pathlib import Path

import keras
import numpy as np

from keras_astro.data.readers import open_many
from keras_astro.data.sample import Source
from keras_astro.data.star_schema import STELLAR
from keras_astro.evaluation.stellar import grouped_rms
from keras_astro.models.stellar import end_name
from keras_astro.tasks.few_shot import fit_correction
from keras_astro.tasks.stellar import outputs_of
from keras_astro.tasks.stellar_features import LABELS
from keras_astro.training.run import Run

FEW, DRAWS = 5, 200


def estimates(model: keras.Model, source: Source):
    """Labels with the ends of their intervals, and the truth `(row, label)`."""
    ends = [
        end_name(n, f"{e}_{c}")
        for n in LABELS
        for e in ("low", "high")
        for c in (68, 95)
    ]
    names = [*LABELS, *ends]
    return outputs_of(
        keras.Model(model.input, {n: model.output[n] for n in names}), source
    )


def five_stars(seen, known, found, truth) -> list[float]:
    """RMSE after a correction by stars drawn anew each time: 16, 50 and 84 %."""
    rng, errors = np.random.default_rng(0), []
    for _ in range(DRAWS):
        k = rng.choice(len(known), FEW, replace=False)
        made = fit_correction(
            known[k].astype(float),
            seen[k].astype(float),
            center=float(known.mean()),
            unit=float(known.std()),
        )
        moved = found + made.offset + made.slope * (found - made.center)
        errors.append(np.sqrt(np.mean((moved - truth) ** 2)))
    return np.percentile(errors, [16, 50, 84]).tolist()


def measure(path: Path, observed: Source, test: Source) -> dict:
    """RMSE with its interval, bias, coverage and RMSE with five stars, by label."""
    model = Run.open(path).load_model()
    found, truth = estimates(model, test)
    seen, known = estimates(model, observed)
    results = {}
    for i, name in enumerate(LABELS):
        error = found[name] - truth[:, i]
        rms = grouped_rms(error, test.facts()["group"], 1000)
        results[name] = {
            "rmse": [rms.value, rms.low, rms.high],
            "bias": float(error.mean()),
            "five_stars": five_stars(seen[name], known[:, i], found[name], truth[:, i]),
        }
        for level in (68, 95):
            low, high = (found[end_name(name, f"{e}_{level}")] for e in ("low", "high"))
            inside = (low <= truth[:, i]) & (truth[:, i] <= high)
            results[name][f"coverage_{level}"] = float(inside.mean())
    return results


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("before", "after", "observed", "test"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    observed, test = (open_many([p], STELLAR) for p in (args.observed, args.test))
    results = {
        name: measure(path, observed, test)
        for name, path in (("before", args.before), ("after", args.after))
    }
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

"""Real labelled alerts: runs of simulations alone, and tuned on half of them.

The rows are public ZTF alerts of five classes; splits are by object. First the runs,
which were trained on images of simulated alerts, classify all of them, each and by the
mean of their probabilities. Then each is moved to half of the real objects, as by
`kastro finetune`, and tested on the other half, five times; with packet metadata, the
product with gradient boosting on them is. The recipe was compared with others by
cross-validation inside the training halves of some repeats, rows of which are test rows
of others, and variants of it were measured here too (docs/alerts.md), so that figures
may be slightly too good. The recipe is the present default or that of `--set`, whatever
it was when a run was trained, and is written beside the figures.
Labels of bogus alerts and of two thirds of the supernovae were made with rules on
metadata and scores of other networks, so that figures with metadata are partly
circular.

    python benchmarks/alerts_real.py RUN [RUN ...] ztf_labelled.npz --json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from keras_astro.config import FinetuneConfig
from keras_astro.data.alert_schema import ALERTS, CLASSES
from keras_astro.data.readers import open_many
from keras_astro.data.sample import MemorySource, Sample, WithoutTargets
from keras_astro.metrics.classification import balanced_accuracy
from keras_astro.tasks.alerts_config import Finetune
from keras_astro.tasks.alerts_rows import class_numbers
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.tasks.default_data import open_rows
from keras_astro.training.fit import fit_stage
from keras_astro.training.run import Run
from keras_astro.training.train import make_parts

REPEATS = 5
# What is written of `finetune`: its settings, and not where a run came from.
RECIPE = sorted(set(Finetune.model_fields) - set(FinetuneConfig.model_fields))
# No probability counts as less in a product.
FLOOR = 1e-3


def halves(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """True for the rows of one half of each class' objects."""
    rng = np.random.default_rng(seed)
    first = np.zeros(len(labels), bool)
    for number in np.unique(labels):
        names = np.unique(groups[labels == number])
        chosen = rng.permutation(names)[: len(names) // 2]
        first |= np.isin(groups, chosen)
    return first


def summary(truth, said) -> dict[str, float]:
    """Balanced accuracy and recalls."""
    found = {"balanced_accuracy": balanced_accuracy(truth, said)}
    for number, name in enumerate(CLASSES):
        found[f"recall_{name}"] = float(np.mean(said[truth == number] == number))
    return found


def probabilities(model: keras.Model, stamps: np.ndarray) -> np.ndarray:
    """Of each class, `(row, class)`, as the product gives them."""
    given = {"stamps": stamps}
    columns = {n: model.output[f"probability_{n}"] for n in CLASSES}
    found = keras.Model(model.input, columns).predict(given, verbose=0)
    return np.stack([found[name] for name in CLASSES], axis=1)


def tuned(
    run: Run, recipe: Finetune, sample: Sample, train: np.ndarray, *, seed: int
) -> keras.Model:
    """The run as `kastro finetune` moves it to the rows that train."""
    task = get_task("alerts")
    config = run.config.model_copy(update={"seed": seed, "finetune": recipe})
    parts = make_parts(open_rows(task, run.config, story=lambda text: None), run.split)
    few = sample.take(np.flatnonzero(train))
    adaptation = task.adaptation(
        config, run.load_model(), parts, WithoutTargets(MemorySource(few)), few
    )
    fits = {
        stage.name: (fit_stage(stage, config.train, seed=seed), stage.model)[1]
        for stage in adaptation.stages()
    }
    return adaptation.assemble(fits)


def rmse(model: keras.Model, stamps: np.ndarray) -> float:
    """Root mean square error of the reconstruction."""
    error = keras.Model(model.input, model.output["reconstruction_mse"])
    return float(np.sqrt(np.mean(error.predict({"stamps": stamps}, verbose=0))))


def boosted(metadata, labels, train) -> np.ndarray:
    """Probabilities of all rows by gradient boosting on the metadata of some."""
    seen = np.isfinite(metadata[train]).any(axis=0)
    model = HistGradientBoostingClassifier(
        max_iter=80, class_weight="balanced", random_state=0
    )
    with threadpool_limits(1):
        model.fit(metadata[train][:, seen], labels[train])
        return model.predict_proba(metadata[:, seen])


def measure(runs: list[Run], real: Path, recipe: Finetune) -> dict:
    """All figures of the runs on real alerts."""
    sample = open_many([real], ALERTS).read()
    labels = class_numbers(sample.targets["label"], len(sample))
    sample = sample.take(np.flatnonzero(labels >= 0))
    groups, labels = sample.meta["group"], labels[labels >= 0]
    metadata = sample.inputs["metadata"]
    stamps = sample.inputs["stamps"]
    models = [run.load_model() for run in runs]
    found: dict = {"rows": len(sample), "objects": len(np.unique(groups))}
    found["recipe"] = {name: getattr(recipe, name) for name in RECIPE}
    alone = 0.0
    for run, model in zip(runs, models, strict=True):
        said = probabilities(model, stamps)
        alone = alone + said
        found[f"simulation_alone_{run.path.name}"] = summary(
            labels, said.argmax(axis=1)
        ) | {"reconstruction_rmse": rmse(model, stamps)}
    found["simulation_alone"] = summary(labels, alone.argmax(axis=1))
    results: dict[str, list] = {name: [] for name in ("images", "metadata", "both")}
    for seed in range(REPEATS):
        train = halves(labels, groups, seed)
        moved = [tuned(run, recipe, sample, train, seed=seed) for run in runs]
        images = np.mean([probabilities(model, stamps) for model in moved], axis=0)
        packets = boosted(metadata, labels, train)
        said = {
            "images": images,
            "metadata": packets,
            "both": np.log(images + FLOOR) + np.log(packets + FLOOR),
        }
        for name, scores in said.items():
            numbers = scores.argmax(axis=1)
            results[name].append(summary(labels[~train], numbers[~train]))
        error = np.mean([rmse(model, stamps[~train]) for model in moved])
        results["images"][-1]["reconstruction_rmse"] = float(error)
    for name, repeats in results.items():
        found[f"fine_tuned_{name}"] = {
            key: [
                float(np.mean([r[key] for r in repeats])),
                float(np.std([r[key] for r in repeats], ddof=1)),
            ]
            for key in repeats[0]
        }
    return found


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("real", type=Path)
    parser.add_argument(
        "--set",
        dest="words",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="of finetune, as finetune.parent_share=0.4; repeatable",
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    recipe = load_config("alerts", options.words).finetune
    found = measure([Run.open(path) for path in options.runs], options.real, recipe)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print(f"{found['rows']} alerts of {found['objects']} objects")
    for name, values in found.items():
        if isinstance(values, dict):
            print(name)
            for key, value in values.items():
                text = (
                    f"{value[0]:.3f} +- {value[1]:.3f}"
                    if isinstance(value, list)
                    else f"{value:.4g}"
                )
                print(f"  {key:22s} {text}")


if __name__ == "__main__":
    main()

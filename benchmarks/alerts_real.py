"""Real labelled alerts: a model of simulations alone, and one tuned on half of them.

The rows are public ZTF alerts of five classes; splits are by object. First the run,
which was trained on images of simulated alerts, classifies all of them. Then its
encoder is frozen and its head goes on learning from half of the real objects (in eight
orientations) and is tested on the other half, five times, on images alone and with
packet metadata.
Labels of bogus alerts and of two thirds of the supernovae were made with rules on
metadata and scores of other networks, so that figures with metadata are partly
circular.

    python benchmarks/alerts_real.py RUN ztf_labelled.npz --json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from keras import layers

from keras_astro.data.alert_schema import ALERTS, CLASSES
from keras_astro.data.readers import open_many
from keras_astro.data.sample import MemorySource
from keras_astro.evaluation.alert_rows import boosted_metadata
from keras_astro.layers.classes import KnownFeatures
from keras_astro.metrics.classification import balanced_accuracy
from keras_astro.tasks.alerts_rows import (
    class_numbers,
    feature_statistics,
    one_hot,
    orient,
    read_rows,
)
from keras_astro.training.run import Run

TURNS = 8
REPEATS = 5


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


def fitted(head, codes, features, labels, train, seed: int) -> np.ndarray:
    """Classes of all rows after the run's head has learned from some of them.

    Features enter by a correction of the logits that starts at zero.

    Args:
        head: The run's head, which stays as it is: a copy learns.
        codes: `(turn, row, latent)` as the head takes them.
        features: `(row, feature)` standardised, or of no columns.
        labels: Class numbers.
        train: Which rows train.
        seed: Seed of order and new weights.
    """
    keras.utils.set_random_seed(seed)
    copied = keras.models.clone_model(head)
    copied.set_weights(head.get_weights())
    code = keras.Input(codes.shape[-1:], name="code")
    beside = keras.Input(features.shape[-1:], name="features")
    logits = copied(code)
    if features.shape[1]:
        x = layers.Dense(64, "relu")(layers.Concatenate()([logits, beside]))
        x = layers.Dropout(0.4, seed=seed)(x)
        change = layers.Dense(len(CLASSES), kernel_initializer="zeros")(x)
        logits = layers.Add()([logits, change])
    model = keras.Model({"code": code, "features": beside}, logits)
    weights = np.sum(train) / (5 * np.maximum(np.bincount(labels[train]), 1))
    model.compile(
        keras.optimizers.AdamW(1e-3, weight_decay=1e-2),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05),
    )
    turns = len(codes)
    model.fit(
        {
            "code": np.concatenate(codes[:, train]),
            "features": np.tile(features[train], (turns, 1)),
        },
        np.tile(one_hot(labels[train]), (turns, 1)),
        sample_weight=np.tile(weights[labels[train]], turns),
        batch_size=64,
        epochs=15,
        verbose=0,
    )
    given = {
        "code": np.concatenate(codes),
        "features": np.tile(features, (turns, 1)),
    }
    logits = model.predict(given, verbose=0, batch_size=4096)
    return logits.reshape(turns, len(labels), -1).mean(axis=0).argmax(axis=1)


def measure(run: Run, real: Path) -> dict:
    """All figures of a run on real alerts."""
    model = run.load_model()
    stem, encoder = model.get_layer("stem"), model.get_layer("encoder")
    sample = open_many([real], ALERTS).read()
    labels = class_numbers(sample.targets["label"], len(sample))
    sample = sample.take(np.flatnonzero(labels >= 0))
    frames, metadata, labels = read_rows(stem, MemorySource(sample))
    groups = sample.meta["group"]
    given = {"stamps": sample.inputs["stamps"], "metadata": metadata}
    outputs = model.predict({k: given[k] for k in model.input}, verbose=0)
    drawn = outputs["reconstruction"]
    found = {
        "rows": len(labels),
        "objects": len(np.unique(groups)),
        "simulation_alone": summary(labels, np.rint(outputs["class_index"]).astype(int))
        | {"reconstruction_rmse": float(np.sqrt(np.mean((drawn - frames) ** 2)))},
    }
    standardise, head = model.get_layer("standardise"), model.get_layer("head")
    codes = np.stack(
        [
            np.asarray(standardise(encoder.predict(orient(frames, n), verbose=0)))
            for n in range(TURNS)
        ]
    )
    results: dict[str, list] = {name: [] for name in ("images", "metadata", "both")}
    for seed in range(REPEATS):
        train = halves(labels, groups, seed)
        known = KnownFeatures()
        known.set_reference(*feature_statistics(metadata[train]))
        features = np.asarray(known(metadata))
        boosted = boosted_metadata(metadata[train], labels[train], metadata)
        said = {
            "images": fitted(head, codes, features[:, :0], labels, train, seed),
            "both": fitted(head, codes, features, labels, train, seed),
            "metadata": boosted,
        }
        for name, numbers in said.items():
            results[name].append(summary(labels[~train], numbers[~train]))
    for name, runs in results.items():
        found[f"fine_tuned_{name}"] = {
            key: [
                float(np.mean([r[key] for r in runs])),
                float(np.std([r[key] for r in runs], ddof=1)),
            ]
            for key in runs[0]
        }
    return found


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("real", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(Run.open(options.run), options.real)
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
                    else f"{value:.3f}"
                )
                print(f"  {key:22s} {text}")


if __name__ == "__main__":
    main()

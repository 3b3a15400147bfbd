"""Real labelled alerts: runs of simulations alone, and tuned on half of them.

The rows are public ZTF alerts of five classes; splits are by object. First the runs,
which were trained on images of simulated alerts, classify all of them, each and by the
mean of their probabilities. Then each learns on from half of the real objects, once
its head alone and once with its encoder, and the mean is tested on the other half, five
times; with packet metadata, the product with gradient boosting on them is. The recipe
was compared with others by cross-validation inside the training half of one repeat,
rows of which are test rows of the other repeats.
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

from keras_astro.data.alert_schema import ALERTS, CLASSES
from keras_astro.data.readers import open_many
from keras_astro.data.sample import MemorySource
from keras_astro.metrics.classification import balanced_accuracy
from keras_astro.preprocessing.stamps import RandomTurns
from keras_astro.tasks.alerts_rows import (
    class_numbers,
    one_hot,
    orient,
    read_rows,
)
from keras_astro.training.run import Run

TURNS = 8
REPEATS = 5
EPOCHS, BATCH = 25, 32
# Learning rates of a head alone, and of all weights.
RATES = {False: 1e-3, True: 3e-4}
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


def fitted(model, frames, labels, train, *, whole: bool, seed: int) -> np.ndarray:
    """Probabilities of all rows after a run has learned from some of them.

    Args:
        model: The run's full model, which stays as it is: copies learn.
        frames: `(row, y, x, channel)`.
        labels: Class numbers.
        train: Which rows train.
        whole: Whether the encoder learns too, at a lower rate than a head alone.
        seed: Seed of order and turns.
    """
    keras.utils.set_random_seed(seed)
    encoder, head = (
        keras.models.clone_model(model.get_layer(name)) for name in ("encoder", "head")
    )
    encoder.set_weights(model.get_layer("encoder").get_weights())
    head.set_weights(model.get_layer("head").get_weights())
    # With the encoder's own flag, its components would learn too.
    if not whole:
        encoder.trainable = False
    frame = keras.Input(frames.shape[1:])
    turned = RandomTurns(seed)(frame)

    def logits(x):
        return head(model.get_layer("standardise")(encoder(x)))

    learner = keras.Model(frame, logits(turned))
    weights = np.sum(train) / (5 * np.maximum(np.bincount(labels[train]), 1))
    steps = EPOCHS * -(-int(np.sum(train)) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(RATES[whole], steps)
    learner.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-2),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05),
    )
    learner.fit(
        frames[train],
        one_hot(labels[train]),
        sample_weight=weights[labels[train]],
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=0,
    )
    wanted = keras.Model(frame, logits(frame))
    found = np.mean(
        [
            wanted.predict(orient(frames, n), verbose=0, batch_size=512)
            for n in range(TURNS)
        ],
        axis=0,
    )
    return np.asarray(keras.ops.softmax(found))


def boosted(metadata, labels, train) -> np.ndarray:
    """Probabilities of all rows by gradient boosting on the metadata of some."""
    seen = np.isfinite(metadata[train]).any(axis=0)
    model = HistGradientBoostingClassifier(
        max_iter=80, class_weight="balanced", random_state=0
    )
    with threadpool_limits(1):
        model.fit(metadata[train][:, seen], labels[train])
        return model.predict_proba(metadata[:, seen])


def measure(runs: list[Run], real: Path) -> dict:
    """All figures of the runs on real alerts."""
    sample = open_many([real], ALERTS).read()
    labels = class_numbers(sample.targets["label"], len(sample))
    sample = sample.take(np.flatnonzero(labels >= 0))
    groups = sample.meta["group"]
    models = [run.load_model() for run in runs]
    framed = []
    alone = np.zeros((len(sample), len(CLASSES)))
    found: dict = {"rows": len(sample), "objects": len(np.unique(groups))}
    for run, model in zip(runs, models, strict=True):
        frames, metadata, labels = read_rows(
            model.get_layer("stem"), MemorySource(sample)
        )
        framed.append(frames)
        outputs = model.predict({"stamps": sample.inputs["stamps"]}, verbose=0)
        said = np.stack([outputs[f"probability_{name}"] for name in CLASSES], axis=1)
        alone += said
        error = np.sqrt(np.mean((outputs["reconstruction"] - frames) ** 2))
        found[f"simulation_alone_{run.path.name}"] = summary(
            labels, said.argmax(axis=1)
        ) | {"reconstruction_rmse": float(error)}
    found["simulation_alone"] = summary(labels, alone.argmax(axis=1))
    results: dict[str, list] = {name: [] for name in ("images", "metadata", "both")}
    for seed in range(REPEATS):
        train = halves(labels, groups, seed)
        images = np.mean(
            [
                fitted(model, frames, labels, train, whole=whole, seed=seed)
                for model, frames in zip(models, framed, strict=True)
                for whole in (False, True)
            ],
            axis=0,
        )
        packets = boosted(metadata, labels, train)
        said = {
            "images": images,
            "metadata": packets,
            "both": np.log(images + FLOOR) + np.log(packets + FLOOR),
        }
        for name, scores in said.items():
            numbers = scores.argmax(axis=1)
            results[name].append(summary(labels[~train], numbers[~train]))
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
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure([Run.open(path) for path in options.runs], options.real)
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

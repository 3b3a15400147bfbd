"""Detection where the ring's size gives nothing away, and what labels would reach.

Lenses with and without subhalos have one distribution of total mass inside the ring.
Preset `mass_matched`: macro radii of 0.9 to 1.2 arcsec, 5 to 15 % of the mass in
subhalos, noise of 2000 photons in the brightest pixel and of 0.5 % of its value;
`mass_matched_faint` has 0.5 to 1.5 %. An unsupervised model is trained on lenses
without substructure; two classifiers see the labels of as many lenses of both
classes, one their images, the other the model's residuals. All are tested on the same
2000 + 2000 lenses of another seed.

    python benchmarks/mass_matched.py --json
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

from keras_astro.data.sample import Sample, Source
from keras_astro.data.schemas import LENSING
from keras_astro.data.store import StoreSource, write_store
from keras_astro.evaluation.evaluate import evaluate_run
from keras_astro.metrics import auc_interval
from keras_astro.simulate.lens_config import LensingSimulation
from keras_astro.simulate.lensing import iter_simulate
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.training.run import Run
from keras_astro.training.train import train

SEEDS = {"normal": 1, "labelled": 2, "test": 3}


def simulate(
    path: Path, rows: int, *, preset: str, seed: int, anomaly_fraction: float
) -> Source:
    """Mass-matched lenses in a store."""
    blocks = iter_simulate(
        LensingSimulation.preset(preset),
        rows,
        seed=seed,
        anomaly_fraction=anomaly_fraction,
    )
    write_store(path, blocks, generator="benchmarks.mass_matched", config={}, seed=seed)
    return StoreSource(path, LENSING)


def classifier(side: int) -> keras.Model:
    """Four convolutions on raw images: what labels reach."""
    inputs = keras.Input((side, side, 1))
    x = inputs
    for filters in (24, 48, 64, 96):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    x = layers.Dense(64, "relu")(x)
    return keras.Model(inputs, layers.Dense(1, "sigmoid")(x))


def stretched(sample: Sample) -> np.ndarray:
    """Images over their peak, stretched as the unsupervised model sees them."""
    images = sample.inputs["image"]
    images = images / images.max(axis=(1, 2, 3), keepdims=True)
    return np.arcsinh(images / 0.1) / np.arcsinh(10.0)


def reflected(images: np.ndarray) -> np.ndarray:
    """Each image four times: as it is and in its reflections."""
    across = np.concatenate([images, images[:, :, ::-1]])
    return np.concatenate([across, across[:, ::-1]])


def ceiling(labelled: Sample, test: Sample, *, epochs: int, seed: int):
    """AUC of the classifier with its interval."""
    keras.utils.set_random_seed(seed)
    images, labels = stretched(labelled), labelled.targets["is_anomaly"]
    model = classifier(images.shape[1])
    steps = epochs * 4 * len(images) // 128
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(keras.optimizers.Adam(schedule), loss="binary_crossentropy")
    model.fit(
        reflected(images), np.tile(labels, 4), batch_size=128, epochs=epochs, verbose=2
    )
    scores = model.predict(stretched(test), verbose=0)[:, 0]
    return auc_interval(test.targets["is_anomaly"], scores)


def residuals(run: Run, sample: Sample) -> np.ndarray:
    """What the unsupervised model sees of each lens: coefficients and residuals."""
    model = run.load_model()
    layer = model.get_layer
    coefficients = layer("components")(layer("stem")(model.input["image"]))
    drawn = layer("decoder")(layer("encoder")(coefficients))
    seen = keras.Model(model.input, [coefficients, coefficients - drawn])
    parts = seen.predict({"image": sample.inputs["image"]}, verbose=0)
    return np.concatenate([part / part.std(axis=0) for part in parts], axis=1)


def ceiling_on_residuals(run: Run, labelled: Sample, test: Sample, *, seed: int):
    """AUC of a dense classifier that sees labels and the model's own residuals."""
    keras.utils.set_random_seed(seed)
    inputs, held_out = residuals(run, labelled), residuals(run, test)
    model = keras.Sequential(
        [
            keras.Input(inputs.shape[1:]),
            layers.Dense(256, "gelu"),
            layers.Dropout(0.3),
            layers.Dense(128, "gelu"),
            layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), loss="binary_crossentropy")
    model.fit(
        inputs, labelled.targets["is_anomaly"], batch_size=64, epochs=25, verbose=0
    )
    scores = model.predict(held_out, verbose=0)[:, 0]
    return auc_interval(test.targets["is_anomaly"], scores)


def main() -> None:
    """Runs both and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=6000, help="training lenses")
    parser.add_argument("--test-rows", type=int, default=4000, help="both classes")
    parser.add_argument("--epochs", type=int, default=6, help="of the classifier")
    parser.add_argument(
        "--preset", default="mass_matched", help="or mass_matched_faint"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--out", type=Path, default=None, help="keep the run here")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(report(options, Path(folder)))


def report(options: argparse.Namespace, folder: Path) -> str:
    """All figures as text."""
    normal, labelled, test = (
        simulate(
            folder / f"{name}.h5",
            rows,
            preset=options.preset,
            seed=SEEDS[name],
            anomaly_fraction=share,
        )
        for name, rows, share in (
            ("normal", options.rows, 0.0),
            ("labelled", options.rows, 0.5),
            ("test", options.test_rows, 0.5),
        )
    )
    overrides = [
        f"data.paths=[{folder / 'normal.h5'}]",
        f"physics.preset={options.preset}",
        f"seed={options.seed}",
        *options.overrides,
    ]
    run = Run.create(
        options.out or folder / "run", load_config("lensing", overrides), overwrite=True
    )
    train(get_task("lensing"), normal, run)
    metrics = evaluate_run(run, story=lambda text: None, source=test)
    found = {name: value for name, value in metrics.items() if "auc" in name}
    labelled, test = labelled.read(), test.read()
    tops = {"residuals": ceiling_on_residuals(run, labelled, test, seed=options.seed)}
    if options.epochs:
        tops["images"] = ceiling(
            labelled, test, epochs=options.epochs, seed=options.seed
        )
    found |= {
        f"auc_supervised_{name}": {"value": v.value, "low": v.low, "high": v.high}
        for name, v in tops.items()
    }
    if options.json:
        return json.dumps(found)
    return "\n".join(
        f"{name:36s} {value['value']:.4f} [{value['low']:.4f}, {value['high']:.4f}]"
        for name, value in found.items()
        if isinstance(value, dict)
    )


if __name__ == "__main__":
    main()

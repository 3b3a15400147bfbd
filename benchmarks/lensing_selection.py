"""Chooses the settings of the lensing autoencoder without any label.

Lenses without substructure are divided as in a run. The rows that trained, tuned and
calibrated nothing are scored as they are and with simulated subhalos injected: one
isothermal sphere of a range of masses, the two faint ones of `kastro tune lensing`, and
six lighter ones, each strength too weak for any candidate to find all. Printed of each
candidate and seed, then of its mean: the held-out reconstruction error, of every score
the mean AUC against the injections, the share of injections found by the combined score
where 1 % of the held-out normal lenses lie above the threshold, and the CPU time. The
physics head, trained on simulations alone, knows no injections and is left out unless
asked for.

    python benchmarks/lensing_selection.py lenses.zip --epochs 80 --seeds 2
"""

from __future__ import annotations

import argparse
import json
import time

import keras
import numpy as np

from keras_astro.data.readers import open_many
from keras_astro.data.sample import Source
from keras_astro.data.schemas import LENSING
from keras_astro.metrics.detection import auc
from keras_astro.models.lens_scorer import ENERGY
from keras_astro.simulate.injection import inject_subhalos
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.tasks.lensing import FAINT
from keras_astro.tasks.lensing_frames import read_images
from keras_astro.training.fit import fit_stage
from keras_astro.training.train import make_parts, make_split, row_facts

INJECTIONS = (
    {"count": 1, "einstein_radius_pixels": (0.05, 0.3)},
    FAINT,
    {"count": 6, "einstein_radius_pixels": (0.02, 0.1)},
)

# Rows for the comparison come on top of those that a default run holds back.
HELD_OUT = "data.test_fraction=0.15"

# Settings by the name under which they are printed.
CANDIDATES = {
    "default": (),
    "single view": ("model.average_reflections=false",),
    "40 components": ("preprocessing.pca_components=40",),
    "50 components": ("preprocessing.pca_components=50",),
    "80 components": ("preprocessing.pca_components=80",),
    "120 components": ("preprocessing.pca_components=120",),
    "8 latents": ("model.latent_dim=8",),
    "12 latents": ("model.latent_dim=12",),
    "16 latents": ("model.latent_dim=16",),
    "wide": ("model.hidden=[512, 256]",),
    "batches of 64": ("train.batch_size=64",),
    "learning rate 4e-3": ("train.learning_rate=0.004",),
    "softening 0.05": ("preprocessing.asinh_softening=0.05",),
    "softening 0.2": ("preprocessing.asinh_softening=0.2",),
    "128 tangents": ("scores.tangent_clusters=128",),
    "rank 16": ("scores.tangent_rank=16",),
    "smoothing 1": ("scores.smoothing_pixels=1.0",),
    "smoothing 2": ("scores.smoothing_pixels=2.0",),
}


def fitted(config, source: Source) -> tuple[keras.Model, np.ndarray]:
    """The full model of a configuration, and images that it has not met."""
    keras.utils.set_random_seed(config.seed)
    task = get_task("lensing")
    ids, groups, anomalous = row_facts(source)
    split = make_split(groups, anomalous, config.data, seed=config.seed, ids=ids)
    parts = make_parts(source, split)
    prepared = task.prepare(config, parts)
    models = {}
    for stage in task.stages(config, prepared):
        fit_stage(stage, config.train, seed=config.seed)
        models[stage.name] = stage.model
    model = task.assemble(config, prepared, models, parts)
    return model, read_images(parts.test)


def measure(model: keras.Model, images: np.ndarray) -> dict[str, float]:
    """Held-out reconstruction and detection of the injections by each score."""
    normal = model.predict({"image": images}, verbose=0)
    names = ["score", *(name for name in ENERGY if name in normal)]
    threshold = np.quantile(normal["score"], 0.99)
    labels = np.repeat([0, 1], len(images))
    areas, shares = [], []
    for number, options in enumerate(INJECTIONS):
        strange = inject_subhalos(images, seed=1000 + number, **options)
        found = model.predict({"image": strange}, verbose=0)
        pairs = [np.concatenate([normal[name], found[name]]) for name in names]
        areas.append([auc(labels, pair) for pair in pairs])
        shares.append(np.mean(found["score"] > threshold))
    return {
        "reconstruction": float(np.mean(normal["reconstruction_mse"])),
        **{
            f"auc_{name}": float(area)
            for name, area in zip(names, np.mean(areas, axis=0), strict=True)
        },
        "tpr_at_1pct_fpr": float(np.mean(shares)),
    }


def run(source: Source, settings: list[str], seed: int) -> dict[str, float]:
    """Trains and measures one candidate with one seed."""
    keras.backend.clear_session()
    config = load_config("lensing", [HELD_OUT, f"seed={seed}", *settings])
    began = time.process_time()
    model, images = fitted(config, source)
    spent = time.process_time() - began
    return measure(model, images) | {"cpu_seconds": spent}


def main() -> None:
    """Prints one JSON object a candidate and seed, and one of its means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="lenses without substructure")
    parser.add_argument("--epochs", type=int, help="default: those of a run")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=list(CANDIDATES))
    parser.add_argument("--physics", action="store_true", help="train the head too")
    options = parser.parse_args()
    source = open_many([options.data], LENSING)
    common = [f"data.paths=[{options.data}]"]
    common += [] if options.physics else ["physics.enabled=false"]
    common += [f"train.epochs={options.epochs}"] if options.epochs else []
    for name in options.only:
        rows = []
        for seed in range(100, 100 + options.seeds):
            rows.append(run(source, [*common, *CANDIDATES[name]], seed))
            print(json.dumps({"candidate": name, "seed": seed} | rows[-1]), flush=True)
        mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        print(json.dumps({"candidate": name, "seed": "mean"} | mean), flush=True)


if __name__ == "__main__":
    main()

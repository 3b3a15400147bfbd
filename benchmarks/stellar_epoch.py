"""Processor time of an epoch of the 3501-pixel autoencoder, against the published one.

All learn the same normalised toy spectra for equally many epochs, in blocks of epochs
that take turns, A B C A B C. The published layout is that of `carmenes_2024`: `fit` on
arrays of pixels, batches of 128, Adam of Keras at 1e-4, one step a call; once as
written, and once compiled by XLA, which its authors did not do. Its contractive
penalty, which would cost more, is left out. `same layers` is that model in this
package's loop (`compile_stage`), with and without XLA, at the same mean learning rate.
`ours` is the stellar task's autoencoder, on principal components.

Quality is the mean squared error of rebuilt flux on rows that trained nothing. The rate
counts the products of the layers alone, as part of that of 2048 x 2048 float32 matrices
in the same process. The first block, which traces and compiles, is left out of the
medians; `total` has it, and for ours what finding the principal components takes.
Quality is measured at each block's end, off the clock: `reached` is after how many
epochs, and processor seconds with all that came before, a rival was as good as the
published layout is at the end.

    python benchmarks/stellar_epoch.py --json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf
from interleaved import table
from stellar_recipe import PARTS, split
from train_step import SIDE, gemm

from keras_astro.config import TrainConfig
from keras_astro.data.sample import MemorySource, Subset
from keras_astro.models.carmenes_2024 import published_autoencoder
from keras_astro.simulate.stellar import simulate
from keras_astro.tasks.base import Parts, Stage
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.tasks.stellar_config import simulation
from keras_astro.tasks.stellar_features import blocks
from keras_astro.training.batches import batches
from keras_astro.training.fit import compile_stage

GEMMS = 3
PUBLISHED = "published"


@dataclass
class Rival:
    """One way to train, and what it took.

    Args:
        fit: Trains from one epoch to another.
        rebuild: Held rows as the model draws them, `(row, pixel)`.
        flops: Of the products of one epoch.
        before: Processor seconds spent before the first epoch.
    """

    fit: Callable[[int, int], object]
    rebuild: Callable[[], np.ndarray]
    flops: float
    before: float = 0.0
    seconds: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)


def flops(model: keras.Model, rows: int) -> float:
    """Floating-point operations of the products of one epoch of a dense model.

    Forward, gradient of the kernel and, behind the first layer, of the input.
    """
    dense = [x for x in model._flatten_layers() if isinstance(x, keras.layers.Dense)]
    sizes = [float(np.prod(layer.kernel.shape)) for layer in dense]
    return 2.0 * rows * (3 * sum(sizes) - sizes[0])


def pixel_model(train: np.ndarray, held: np.ndarray, args):
    """The published model, its rows scaled to 0..1, and a function that rebuilds."""
    keras.utils.set_random_seed(args.seed)
    low, span = train.min(), np.ptp(train)
    model, _ = published_autoencoder(train.shape[1], args.width)

    def rebuild():
        seen = ((held - low) / span).astype("float32")
        return model.predict(seen, verbose=0) * span + low

    return model, ((train - low) / span).astype("float32"), rebuild


def published(train, held, args, *, jit: bool) -> Rival:
    """The published layout, as `fit` runs it."""
    model, scaled, rebuild = pixel_model(train, held, args)
    model.compile(keras.optimizers.Adam(1e-4), "mse", jit_compile=jit)

    def fit(first: int, last: int):
        span = {"initial_epoch": first, "epochs": last}
        model.fit(scaled, scaled, batch_size=128, verbose=0, **span)

    return Rival(fit, rebuild, flops(model, len(train)))


def same_layers(train, held, args, *, jit: str) -> Rival:
    """The published layers in the package's loop."""
    model, scaled, rebuild = pixel_model(train, held, args)
    stage = Stage(
        name="autoencoder",
        model=model,
        inputs=scaled,
        targets=scaled,
        validation=(scaled[:1], scaled[:1]),
        loss="mse",
        epochs=args.epochs,
        batch_size=128,
        # A cosine cycle down from twice the rate has that rate as its mean.
        learning_rate=2e-4,
    )
    fit = package_fit(stage, TrainConfig(jit=jit), args.seed)
    return Rival(fit, rebuild, flops(model, len(train)))


def ours(task, config, parts: Parts, args) -> tuple[Rival, object]:
    """The stellar task's autoencoder; also what its preparation found."""
    keras.utils.set_random_seed(args.seed)
    start = time.process_time()
    prepared = task.prepare(config, parts)
    before = time.process_time() - start
    stage = task.autoencoder_stage(config, prepared)
    components = prepared.components

    def rebuild():
        drawn = []
        for spectra, _ in blocks(prepared.stem, parts.test):
            found = stage.model(components(spectra["normalised"]))
            drawn.append(np.asarray(components(found, inverse=True)))
        return np.concatenate(drawn)

    fit = package_fit(stage, config.train, args.seed)
    work = flops(stage.model, len(parts.train))
    return Rival(fit, rebuild, work, before), prepared


def package_fit(stage: Stage, train: TrainConfig, seed: int):
    """Trains a stage in pieces, otherwise as `fit_stage` does."""
    steps = -(-stage.rows // stage.batch_size)
    compile_stage(stage, train, steps_per_epoch=steps)

    def fit(first: int, last: int):
        dataset, _ = batches(
            stage.inputs,
            stage.targets,
            batch_size=stage.batch_size,
            epochs=last,
            first_epoch=first,
            seed=seed,
        )
        span = {"initial_epoch": first, "epochs": last, "steps_per_epoch": steps}
        stage.model.fit(dataset, shuffle=False, verbose=0, **span)

    return fit


def take_turns(
    rivals: dict[str, Rival], held: np.ndarray, epochs: int, block: int
) -> float:
    """Trains all, block by block; processor seconds of a GEMM between the blocks."""
    product, found = gemm("float32", GEMMS), []
    product()
    for first in range(0, epochs, block):
        last = min(first + block, epochs)
        for rival in rivals.values():
            start = time.process_time()
            rival.fit(first, last)
            rival.seconds.append((time.process_time() - start) / (last - first))
            rival.errors.append(float(np.mean((rival.rebuild() - held) ** 2)))
        start = time.process_time()
        product()
        found.append((time.process_time() - start) / GEMMS)
    return statistics.median(found)


def measure(args) -> dict:
    """What each rival took and how well it rebuilds."""
    overrides = [f"train.epochs={args.epochs}", *args.set]
    task, config = get_task("stellar"), load_config("stellar", overrides)
    rows = simulate(simulation(config.simulation), args.rows, seed=args.seed)
    source = MemorySource(rows)
    index = split(source.sample.meta["group"], args.seed)
    parts = Parts(**{name: Subset(source, index[name]) for name in PARTS})
    mine, prepared = ours(task, config, parts, args)
    train, held = (
        np.concatenate([s["normalised"] for s, _ in blocks(prepared.stem, part)])
        for part in (parts.train, parts.test)
    )
    rivals = {PUBLISHED: published(train, held, args, jit=False)}
    if not args.two:
        rivals |= {
            "published, XLA": published(train, held, args, jit=True),
            "same layers": same_layers(train, held, args, jit="off"),
            "same layers, XLA": same_layers(train, held, args, jit="on"),
        }
    rivals["ours"] = mine
    limit = 2.0 * SIDE**3 / take_turns(rivals, held, args.epochs, args.block)
    found = {}
    base = statistics.median(rivals[PUBLISHED].seconds[1:])
    for name, rival in rivals.items():
        epoch = statistics.median(rival.seconds[1:])
        ratios = zip(rivals[PUBLISHED].seconds[1:], rival.seconds[1:], strict=True)
        ratios = [a / b for a, b in ratios]
        total = args.block * sum(rival.seconds) + rival.before
        found[name] = {
            "epoch_cpu_seconds": epoch,
            "times_published": base / epoch,
            "times_published_range": [min(ratios), max(ratios)],
            "total_cpu_seconds": total,
            "of_gemm": rival.flops / epoch / limit,
            "gflop_per_epoch": rival.flops / 1e9,
            "held_mse": rival.errors[-1],
            "held_mse_by_block": rival.errors,
            "reached": reached(rival, rivals[PUBLISHED].errors[-1], args.block),
        }
    return {
        "train_rows": len(train),
        "held_rows": len(held),
        "pixels": train.shape[1],
        "width": args.width,
        "epochs": args.epochs,
        "gemm_gflop_per_cpu_second": limit / 1e9,
        "rivals": found,
    }


def reached(rival: Rival, error: float, block: int) -> dict | None:
    """After how many epochs and seconds an error is reached; None if it never is."""
    blocks = next((k for k, e in enumerate(rival.errors, 1) if e <= error), None)
    if blocks is None:
        return None
    spent = rival.before + block * sum(rival.seconds[:blocks])
    return {"epoch": block * blocks, "cpu_seconds": spent}


def text(result: dict) -> str:
    """The rivals as a table."""
    lines = []
    for name, row in result["rivals"].items():
        low, high = row["times_published_range"]
        lines.append(
            [
                name,
                f"{row['epoch_cpu_seconds']:.3f}",
                f"{row['times_published']:.2f} ({low:.2f} to {high:.2f})",
                f"{100 * row['of_gemm']:.0f} %",
                f"{row['total_cpu_seconds']:.1f}",
                f"{row['held_mse']:.3e}",
                "{epoch} epochs, {cpu_seconds:.1f} CPU-s".format(**row["reached"])
                if row["reached"]
                else "never",
            ]
        )
    header = [
        "",
        "CPU-s an epoch",
        "speed / published",
        "of GEMM",
        "total",
        "held MSE",
        "reached",
    ]
    return table(header, lines)


def main() -> None:
    """Prints a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--block", type=int, default=2, help="epochs a turn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument(
        "--two", action="store_true", help="the published layout and ours alone"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.epochs % args.block or args.epochs < 2 * args.block:
        parser.error("--epochs must be a multiple of --block, and two blocks or more")
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    result = measure(args)
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
    if args.json:
        print(json.dumps(result | {"versions": versions}, indent=1))
    else:
        print(f"{text(result)}\n\n{versions}")


if __name__ == "__main__":
    main()

"""Trains on a file larger than the memory and prints how much of it was used.

A sparse HDF5 file of two shards takes no room on the disk: nearly all of its rows are
zeros that the file system makes up, and the reader cannot tell. One row of each block
holds random numbers. A dense autoencoder of 3501 pixels trains 100 steps of 512 rows on
it, read in shuffled blocks; the pipeline alone is timed too.

    python benchmarks/out_of_memory.py
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import h5py
import keras
import numpy as np

from keras_astro.config import TrainConfig
from keras_astro.models.dense import dense_decoder, dense_encoder
from keras_astro.tasks.base import Stage
from keras_astro.training.blocks import BLOCK_ROWS, BlockReader
from keras_astro.training.fit import fit_stage
from keras_astro.training.strategy import Team

PIXELS = 3501
BATCH = 512
SHARDS = 2
MOST_GB = 2.0


def write(folder: Path, gigabytes: float) -> list[Path]:
    """The shards, with one written row in each block."""
    rows = int(gigabytes * 1e9 / SHARDS / (4 * PIXELS))
    rng = np.random.default_rng(0)
    paths = []
    for number in range(SHARDS):
        path = folder / f"shard-{number}.h5"
        with h5py.File(path, "w") as file:
            x = file.create_dataset("inputs/flux", (rows, PIXELS), "float32")
            for row in range(0, rows, BLOCK_ROWS):
                x[row] = rng.normal(size=PIXELS)
        paths.append(path)
    return paths


def rows_a_second(reader: BlockReader, steps: int) -> float:
    """Of the pipeline alone, from the cache of the file system."""
    begun = time.perf_counter()
    for step in range(steps):
        reader.batch(step, BATCH)
    return steps * BATCH / (time.perf_counter() - begun)


class StopAfter(keras.callbacks.Callback):
    """Ends the training after some steps and keeps the losses."""

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps
        self.losses: list[float] = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))
        if batch + 1 >= self.steps:
            self.model.stop_training = True


def train(reader: BlockReader, steps: int) -> dict[str, float]:
    """A training as the package's own, stopped after some steps."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((PIXELS,))
    code = dense_encoder(PIXELS, 32)(inputs)
    model = keras.Model(inputs, dense_decoder(32, PIXELS)(code))
    held = reader.batch(10**6, 64)
    stop = StopAfter(steps)
    stage = Stage(
        name="large",
        model=model,
        inputs=reader.stream(),
        targets=None,
        validation=held,
        loss="mse",
        epochs=1,
        batch_size=BATCH,
        learning_rate=1e-3,
    )
    begun = time.perf_counter()
    settings = TrainConfig(steps_per_execution=1, jit="off")
    fit_stage(stage, settings, seed=0, callbacks=[stop], team=Team())
    return {
        "steps": len(stop.losses),
        "seconds": time.perf_counter() - begun,
        "first_loss": stop.losses[0],
        "last_loss": stop.losses[-1],
    }


def main() -> None:
    """Prints what was used, as text or as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=30.0)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where the sparse files go")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        paths = write(Path(folder), args.gigabytes)
        reader = BlockReader(paths, "inputs/flux")
        found = {
            "gigabytes": sum(p.stat().st_size for p in paths) / 1e9,
            "gigabytes_on_disk": sum(p.stat().st_blocks for p in paths) * 512 / 1e9,
            "rows": reader.rows,
            **train(reader, args.steps),
        }
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        found |= {"peak_rss_gigabytes": peak, "most": MOST_GB}
        found["pipeline_rows_a_second"] = rows_a_second(reader, args.steps)
        found["cores"] = os.cpu_count()
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        print("\n".join(f"{name}: {value:.4g}" for name, value in found.items()))


if __name__ == "__main__":
    main()

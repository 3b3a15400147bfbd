"""Trains a case on shards with its features in memory and in a file, and compares both.

Lenses are simulated once, repeated into a folder of shards, and a convolutional
autoencoder is trained on them by `kastro train`, each time in a process of its own. The
losses have to be the same; the peak of anonymous and of all resident memory is printed.

    python benchmarks/shards_beyond_memory.py
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from keras_astro.data.sample import Sample
from keras_astro.data.schemas import LENSING
from keras_astro.data.store import write_store
from keras_astro.simulate.lens_config import LensingSimulation
from keras_astro.simulate.lensing import iter_simulate

SETTINGS = (
    "model.kind=conv",
    "physics.enabled=false",
    "train.epochs=1",
    "scores.tangent_clusters=64",
)


def write_shards(folder: Path, rows: int, shards: int) -> float:
    """Repeats some simulated lenses into shards; returns their size in 10**6 bytes."""
    blocks = iter_simulate(LensingSimulation(), rows, seed=0, anomaly_fraction=0.0)
    images = np.concatenate([block.inputs["image"] for block in blocks])
    for number in range(shards):
        names = np.array([f"{number}-{row}" for row in range(rows)])
        rows_of = Sample(LENSING, {"image": images}, {}, {"id": names})
        path = folder / f"part-{number:03}.h5"
        write_store(path, [rows_of], generator="benchmark", config={}, seed=0)
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6


def memory(pid: int) -> dict[str, float]:
    """Resident memory of a process now, in 10**6 bytes: all, and without files."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = {line.split(":")[0]: line.split() for line in lines}
    return {key: int(found[key][1]) * 1024 / 1e6 for key in ("VmRSS", "RssAnon")}


def train(shards: Path, folder: Path, limit_mb: int) -> dict:
    """One training: its losses, seconds and peaks of memory."""
    settings = [*SETTINGS, f"data.memory_limit_mb={limit_mb}"]
    options = [word for value in settings for word in ("--set", value)]
    program = "from keras_astro.cli.main import main; main()"
    words = ["train", "lensing", "--data", str(shards), "-o", str(folder), *options]
    peaks = {"VmRSS": 0.0, "RssAnon": 0.0}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        env=os.environ | {"KASTRO_CACHE": str(folder.parent / "cache")},
        stdout=subprocess.DEVNULL,
    )
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            try:
                now = memory(process.pid)
            except (OSError, KeyError):
                return
            peaks.update({key: max(peaks[key], now[key]) for key in peaks})

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    done.set()
    watcher.join()
    if code:
        raise SystemExit(f"the training ended with exit code {code}")
    return {
        "seconds": time.perf_counter() - begun,
        "peak_rss_mb": peaks["VmRSS"],
        "peak_anonymous_mb": peaks["RssAnon"],
        "history": (folder / "history.csv").read_text(),
    }


def main() -> None:
    """Prints both trainings as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000, help="of a shard")
    parser.add_argument("--shards", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="where the files go")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        shards = Path(folder) / "shards"
        shards.mkdir()
        size = write_shards(shards, args.rows, args.shards)
        held, filed = (
            train(shards, Path(folder) / f"limit-{limit}", limit)
            for limit in (1_000_000, 10)
        )
    same = held.pop("history") == filed.pop("history")
    found = {"shards_mb": size, "same_losses": same, "memory": held, "file": filed}
    print(json.dumps(found, indent=1))
    if not same:
        raise SystemExit("the two trainings had different losses")


if __name__ == "__main__":
    main()

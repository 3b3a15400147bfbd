"""Kills a launched training in the middle of an epoch and compares what comes out.

Two workers of this machine train a lens autoencoder with the exact contraction
penalty. One run is left alone; in each of the others a worker, the chief or the
launcher gets SIGKILL at a random moment of a random epoch. A dead launcher is called
again with --resume. Quoted are the largest relative difference of any epoch's losses
from the run left alone, and whether all final weights are equal bit for bit.

    python benchmarks/launch_kills.py --times 5
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from interleaved import table

VICTIMS = ("worker", "chief", "launcher")
EPOCHS = 12
PROGRAM = (sys.executable, "-c", "from keras_astro.cli.main import main; main()")
SETTINGS = (
    f"train.epochs={EPOCHS}",
    "train.checkpoint_seconds=0",
    "objective.contractive=0.01",
    "objective.contractive_method=exact",
    "physics.enabled=false",
    "preprocessing.pca_components=30",
    "scores.tangent_clusters=16",
)


def members(launcher: int) -> dict[int, int]:
    """Process ids of the workers by their index, as the kernel knows them."""
    found = {}
    text = Path(f"/proc/{launcher}/task/{launcher}/children").read_text()
    for pid in map(int, text.split()):
        for word in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            name, _, value = word.partition(b"=")
            if name == b"TF_CONFIG":
                found[json.loads(value)["task"]["index"]] = pid
    return found


def alive(pid: int) -> bool:
    """Whether a process still runs; one that waits to be reaped does not."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Training:
    """One launched training in a folder of its own."""

    def __init__(self, data: Path, run: Path):
        self.run = run
        settings = [word for value in SETTINGS for word in ("--set", value)]
        train = ["train", "lensing", "--data", str(data), *settings, "-o", str(run)]
        self.words = [*PROGRAM, "launch", "--workers", "2", "--", *train]
        self.told = ""

    def start(self, *more: str) -> subprocess.Popen:
        """Starts it, or again with `--resume`."""
        return subprocess.Popen(
            [*self.words, *more],
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def wait_for(self, epoch: int) -> None:
        """Waits for the checkpoint of an epoch."""
        state = self.run / "checkpoints" / "autoencoder.json"
        until = time.monotonic() + 300
        while time.monotonic() < until:
            if state.is_file() and json.loads(state.read_text())["epoch"] >= epoch:
                return
            time.sleep(0.005)
        raise TimeoutError(f"no checkpoint of epoch {epoch}")

    def finish(self, process: subprocess.Popen) -> None:
        """Waits for the end and keeps what was told."""
        self.told += process.communicate(timeout=600)[1]
        if process.returncode:
            raise RuntimeError(f"ended with {process.returncode}: {self.told[-2000:]}")

    def interrupted(self, victim: str, epoch: int, later: float) -> None:
        """Runs to the end through the death of one process."""
        process = self.start()
        self.wait_for(epoch)
        time.sleep(later)
        workers = members(process.pid)
        if victim == "launcher":
            process.send_signal(signal.SIGKILL)
            self.told += process.communicate()[1]
            orphans = list(workers.values())
            until = time.monotonic() + 5
            while any(map(alive, orphans)) and time.monotonic() < until:
                time.sleep(0.01)
            if any(map(alive, orphans)):
                raise RuntimeError("a worker outlived its launcher")
            process = self.start("--resume")
        else:
            subprocess.run(["kill", "-9", str(workers[victim == "worker"])], check=True)
        self.finish(process)

    def losses(self) -> np.ndarray:
        """All numbers of the history, `(epoch, loss)`."""
        with (self.run / "history.csv").open() as file:
            rows = list(csv.DictReader(file))
        # Columns of a run that was continued come in another order.
        names = sorted(set(rows[0]) - {"stage"})
        rows = [[row[name] for name in names] for row in rows]
        return np.asarray(rows, float)

    def weights(self) -> dict[str, np.ndarray]:
        """Final weights and optimiser state by their path in the file."""
        (path,) = (self.run / "checkpoints").glob("autoencoder-*.weights.h5")
        found = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item: (
                    found.update({name: item[()]})
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
        return found


def measure(folder: Path, times: int, rng: random.Random) -> list[dict]:
    """One row a kill."""
    data = folder / "lenses.h5"
    simulate = ["simulate", "lensing", "-n", "300", "-o", str(data)]
    smooth = ["--set", "simulation.anomaly_fraction=0"]
    subprocess.run([*PROGRAM, *simulate, *smooth], check=True, capture_output=True)
    whole = Training(data, folder / "whole")
    begun = time.monotonic()
    whole.finish(whole.start())
    seconds = time.monotonic() - begun
    rows = []
    for number in range(times):
        for victim in VICTIMS:
            epoch, later = rng.randint(2, EPOCHS - 3), rng.uniform(0, 0.5)
            one = Training(data, folder / f"{victim}-{number}")
            begun = time.monotonic()
            one.interrupted(victim, epoch, later)
            weights, wanted = one.weights(), whole.weights()
            row = {
                "victim": victim,
                "epoch": epoch,
                "restarts": one.told.count("go on from the last checkpoint"),
                "difference": float(np.abs(one.losses() / whole.losses() - 1).max()),
                "equal_weights": weights.keys() == wanted.keys()
                and all(np.array_equal(weights[k], wanted[k]) for k in wanted),
                "seconds": round(time.monotonic() - begun, 1),
                "seconds_whole": round(seconds, 1),
            }
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    return rows


def text(rows: list[dict]) -> str:
    """A line for each kind of victim."""
    lines = []
    for victim in VICTIMS:
        these = [row for row in rows if row["victim"] == victim]
        lines.append(
            [
                victim,
                str(len(these)),
                " ".join(str(row["epoch"]) for row in these),
                f"{max(row['difference'] for row in these):.1e}",
                f"{sum(row['equal_weights'] for row in these)} of {len(these)}",
                f"{np.median([row['seconds'] for row in these]):.0f}",
            ]
        )
    header = [
        "killed",
        "times",
        "after epoch",
        "largest difference of a loss",
        "weights equal bit for bit",
        "seconds",
    ]
    return table(header, lines)


def main() -> None:
    """Prints a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), args.times, random.Random(args.seed))
    print(json.dumps(rows, indent=1) if args.json else text(rows))
    left = rows[0]["seconds_whole"]
    if not args.json:
        print(f"\n{EPOCHS} epochs; the run left alone took {left:.0f} s")


if __name__ == "__main__":
    main()

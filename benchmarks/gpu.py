"""What an accelerator gives: rows a second by batch size, number type and XLA.

The models and steps are those of `train_step.py`: this package's training path with its
pipeline, optimiser and clipping. Each way trains for some seconds; beside it, where
`nvidia-smi` is there, utilisation and memory are asked for four times a second. Without
an accelerator it measures the CPU, says so, and shows only that it runs.

    python benchmarks/gpu.py --json > gpu.json
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator

import keras
import tensorflow as tf
from interleaved import table
from step_cases import CASES, Case, training_flops
from train_step import package_steps

QUERY = "utilization.gpu,memory.used,power.draw"
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
KINDS = ("dense", "conv", "stamp")


class Watch:
    """Asks `nvidia-smi` while the code inside runs; knows nothing where it is not."""

    def __init__(self):
        self.seen: list[list[float]] = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Watch:
        if shutil.which("nvidia-smi"):
            self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.done.set()
        if self.thread.ident:
            self.thread.join()

    def _ask(self) -> None:
        words = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
        while not self.done.wait(0.25):
            text = subprocess.run(words, capture_output=True, text=True).stdout
            numbers = text.splitlines()[0].split(",") if text else []
            if numbers and all(n.strip().replace(".", "").isdigit() for n in numbers):
                self.seen.append([float(n) for n in numbers])

    def summary(self) -> dict[str, float | None]:
        """Median utilisation in percent, most memory in MiB, median power in watts."""
        if not self.seen:
            return dict.fromkeys(("utilisation", "memory_mib", "power_w"))
        use, memory, power = zip(*self.seen, strict=True)
        return {
            "utilisation": statistics.median(use),
            "memory_mib": max(memory),
            "power_w": statistics.median(power),
        }


def measure(case: Case, *, policy: str, jit: str, seconds: float) -> dict:
    """Rows a second of one way, after two calls that are not counted."""
    run = package_steps(case, policy=policy, jit=jit)
    for _ in range(2):
        run()
    calls, begun = 0, time.perf_counter()
    with Watch() as watch:
        while time.perf_counter() - begun < seconds:
            run()
            calls += 1
        took = time.perf_counter() - begun
    rows = calls * case.steps * case.batch
    return {
        "model": case.kind,
        "batch": case.batch,
        "numbers": policy,
        "jit": jit,
        "rows_per_second": rows / took,
        "gflop_per_second": training_flops(case) / case.batch * rows / took / 1e9,
        **watch.summary(),
    }


def ways(args) -> Iterator[tuple[Case, str, str]]:
    """Every combination that is asked for."""
    for kind in args.models:
        first = next(case for case in CASES if case.kind == kind)
        for batch in args.batches:
            case = dataclasses.replace(first, batch=batch, steps=args.steps)
            for policy in args.numbers:
                for jit in ("off", "on"):
                    yield case, policy, jit


def devices() -> dict[str, object]:
    """What computes, by name."""
    found = tf.config.list_physical_devices("GPU")
    named = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in found
    ]
    return {
        "accelerators": named,
        "processor": platform.processor() or platform.machine(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def main() -> None:
    """Prints a table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=KINDS, default=KINDS)
    batches = [128, 1024, 8192]
    parser.add_argument("--batches", nargs="+", type=int, default=batches)
    parser.add_argument("--numbers", nargs="+", choices=POLICIES, default=POLICIES)
    parser.add_argument("--steps", type=int, default=16, help="steps a call")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each way")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    machine, rows = devices(), []
    for case, policy, jit in ways(args):
        try:
            found = measure(case, policy=policy, jit=jit, seconds=args.seconds)
        except tf.errors.ResourceExhaustedError:
            found = {"model": case.kind, "batch": case.batch, "numbers": policy}
            found |= {"jit": jit, "rows_per_second": None, "why": "out of memory"}
        rows.append(found)
        keras.backend.clear_session()
    if args.json:
        print(json.dumps({"machine": machine, "ways": rows}, indent=1))
        return
    header = list(dict.fromkeys(key for row in rows for key in row))
    lines = [[_text(row.get(key)) for key in header] for row in rows]
    print(machine if machine["accelerators"] else {**machine, "accelerators": "none"})
    print(table(header, lines))


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()

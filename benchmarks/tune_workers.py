"""Speed-up of a search by several workers on this machine.

    python benchmarks/tune_workers.py --workers 1 2

The same trials are run by each number of workers, every worker on one thread. Printed
are the wall-clock time of the whole search, start of the processes included, and of
its trials alone, from the first one handed out to the last one ended. Also
printed are the cores that the workers kept busy, which bound the speed-up, and the load
average: on a shared machine a second process also gets a second share of the cores, and
the ratio is no clean figure.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}

from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.tasks.default_data import open_rows
from keras_astro.tuning.search import search
from keras_astro.tuning.team import Team, kastro_worker

RESULT = Path(__file__).parent / "results" / "tune_workers.json"


def measure(workers: int, settings: list[str], folder: Path) -> dict[str, float]:
    """One search; seconds in all, of the trials alone, and summed over trials."""
    config = load_config("lensing", settings)
    task = get_task("lensing")
    source = open_rows(task, config, story=print)
    moments = []

    def progress(event):
        moments.append(time.monotonic())

    load, used = os.getloadavg()[0], processor_seconds()
    began = time.monotonic()
    result = search(
        task,
        source,
        folder,
        config,
        progress=progress,
        team=Team(workers=workers, command=kastro_worker("lensing", folder)),
        story=print,
    )
    whole = time.monotonic() - began
    return {
        "workers": workers,
        "trials": len(result.records),
        "whole_s": round(whole, 1),
        "cores_busy": round((processor_seconds() - used) / whole, 2),
        "trials_s": round(moments[-1] - moments[0], 1),
        "sum_of_trials_s": round(sum(r.seconds for r in result.records), 1),
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
    }


def processor_seconds() -> float:
    """What all processes that were started and have ended took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measures, prints and keeps the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--rows", type=int, default=1200)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    settings = [
        "tune.oracle=random",
        f"tune.trials={options.trials}",
        f"tune.epochs={options.epochs}",
        f"data.simulated_rows={options.rows}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        found = [
            measure(workers, settings, Path(folder) / f"with-{workers}")
            for workers in options.workers
        ]
    for row in found:
        row["speed_up"] = round(found[0]["whole_s"] / row["whole_s"], 2)
        row["speed_up_of_trials"] = round(found[0]["trials_s"] / row["trials_s"], 2)
        print(json.dumps(row))
    content = {"cores": os.cpu_count(), "settings": settings, "searches": found}
    RESULT.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What the contraction penalty costs: a step with it over the same step without it.

The dense autoencoder of 3501 pixels and the convolutional one of 64 x 64, batch 128, as
`fit_stage` trains them, without the penalty and with each of its methods. All take
turns; the ratio is formed round by round and its median is quoted.

    python benchmarks/penalty.py --json
"""

from __future__ import annotations

import argparse
import json
import statistics

import keras
import tensorflow as tf
from interleaved import interleaved, table
from step_cases import Case
from train_step import package_steps

CASES = (
    Case("dense 3501, batch 128", "dense", 128, 8),
    Case("conv 64x64, batch 128", "conv", 128, 2),
)
METHODS = ("last_layer", "hutchinson", "exact")
MOST = {"last_layer": 1.05, "hutchinson": 1.4}


def measure(case: Case, *, jit: str, rounds: int, exact: bool) -> list[dict]:
    """One row a method."""
    methods = METHODS if exact else METHODS[:2]
    rivals = {"none": package_steps(case, jit=jit)} | {
        method: package_steps(case, jit=jit, penalty=method) for method in methods
    }
    times = interleaved(rivals, rounds=rounds, steps=case.steps)
    rows = []
    for name, found in times.items():
        ratios = [
            one / two
            for one, two in zip(found.seconds, times["none"].seconds, strict=True)
        ]
        rows.append(
            {"case": case.name, "jit": jit, "method": name}
            | found.to_json()
            | {
                "ratio": statistics.median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
                "most": MOST.get(name),
            }
        )
    return rows


def text(rows: list[dict]) -> str:
    """All rows as a table."""
    lines = [
        [
            row["case"],
            row["jit"],
            row["method"],
            f"{row['median_ms']:.1f} ({row['min_ms']:.1f} to {row['max_ms']:.1f})",
            f"{row['ratio']:.2f} ({row['ratio_min']:.2f} to {row['ratio_max']:.2f})",
            f"{row['most']:.2f}" if row["most"] else "",
        ]
        for row in rows
    ]
    header = ["model", "jit", "penalty", "ms a step", "times the plain step", "target"]
    return table(header, lines)


def main() -> None:
    """Prints a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", help="only cases whose name has this part")
    parser.add_argument("--jit", choices=("off", "on"), default="off")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--no-exact", action="store_true", help="leave out the slow one"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    rows = []
    for case in CASES:
        if not args.case or args.case in case.name:
            rows += measure(
                case, jit=args.jit, rounds=args.rounds, exact=not args.no_exact
            )
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
    if args.json:
        print(json.dumps({"versions": versions, "rows": rows}, indent=1))
    else:
        print(f"{text(rows)}\n\n{versions}")


if __name__ == "__main__":
    main()

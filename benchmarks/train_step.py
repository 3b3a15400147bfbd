"""How long one training step takes, against PyTorch and the machine's GEMM rate.

The same model with the same first weights takes the same batches in one process: by
this package's training path (shuffled `tf.data`, `compile_stage`: its Adam, clipping,
schedule), by that path with the Adam of Keras, with XLA and in bfloat16, and by PyTorch
eager and compiled. All take turns, step blocks A B C A B C; medians are quoted. The
first losses of both frameworks must agree. The rate counts products alone
(`step_cases.training_flops`), as part of that of a float32 product of 2048 x 2048
matrices between the blocks. `products alone` runs the dense model's products of one
step and nothing else: the bound for its shapes.

PyTorch is no dependency of the package: `pip install torch` adds its rows.

    python benchmarks/train_step.py --json
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from interleaved import Times, interleaved, table
from step_cases import CASES, Case, keras_model, stage, training_flops

from keras_astro.config import TrainConfig
from keras_astro.training.batches import batches
from keras_astro.training.fit import compile_stage

SIDE = 2048
EAGER = "PyTorch eager"


def package_steps(
    case: Case,
    *,
    jit: str = "off",
    policy: str = "float32",
    plain_adam: bool = False,
    penalty: str | None = None,
) -> Callable[[], float]:
    """A function that trains `case.steps` steps as `fit_stage` does."""
    job = stage(case, keras_model(case.kind, policy=policy, penalty=penalty))
    compile_stage(job, TrainConfig(jit=jit), steps_per_epoch=case.steps)
    if plain_adam:
        settings = job.model.optimizer.get_config()
        job.model.compile(
            keras.optimizers.Adam.from_config(settings),
            loss=job.loss,
            jit_compile=job.model.jit_compile,
            steps_per_execution=case.steps,
        )
    dataset, _ = batches(
        job.inputs, job.targets, batch_size=case.batch, epochs=job.epochs
    )
    iterator = iter(dataset)
    job.model.make_train_function()
    step = job.model.train_function

    def run() -> float:
        logs = step(iterator)
        return float(tf.nest.flatten(logs)[0])

    return run


def first_loss(case: Case) -> float:
    """The loss of the first batch before any step."""
    job = stage(case, keras_model(case.kind))
    outputs = job.model(job.inputs[: case.batch])
    loss = keras.losses.get(job.loss)
    return float(np.mean(loss(job.targets[: case.batch], outputs)))


def gemm(dtype: str, rounds: int = 3) -> Callable[[], object]:
    """A function that multiplies square matrices `rounds` times."""
    a = tf.cast(tf.random.normal((SIDE, SIDE)), dtype)
    product = tf.function(lambda: tf.matmul(a, a))

    def run() -> None:
        for _ in range(rounds):
            # One entry is awaited, the matrix is not copied.
            product()[0, 0].numpy()

    return run


def products_alone(case: Case) -> Callable[[], object]:
    """A function that computes the dense model's products of `case.steps` steps."""
    kernels = [
        layer.kernel.value
        for layer in keras_model(case.kind)._flatten_layers()
        if isinstance(layer, keras.layers.Dense)
    ]
    pairs = [
        (tf.random.normal((case.batch, n)), tf.random.normal((case.batch, m)), w)
        for w in kernels
        for n, m in [w.shape]
    ]

    @tf.function
    def once():
        found = []
        for i, (x, y, w) in enumerate(pairs):
            found += [tf.matmul(x, w), tf.matmul(x, y, transpose_a=True)]
            if i:
                found.append(tf.matmul(y, w, transpose_b=True))
        return found

    def run() -> None:
        for _ in range(case.steps):
            once()[0][0, 0].numpy()

    return run


def torch_rivals(case: Case, *, compiled: bool) -> dict[str, Callable[[], float]]:
    """PyTorch's ways, their first loss compared with that of Keras.

    Raises:
        SystemExit: If the two are not the same model.
    """
    import step_torch

    ours, theirs = first_loss(case), step_torch.first_loss(case)
    if not np.isclose(ours, theirs, rtol=1e-4):
        raise SystemExit(f"{case.name}: first losses differ: {ours} and {theirs}")
    rivals = {
        EAGER: step_torch.torch_steps(case),
        "PyTorch eager, fused Adam": step_torch.torch_steps(case, fused=True),
    }
    if case.kind == "conv":
        rivals["PyTorch eager, channels last"] = step_torch.torch_steps(
            case, channels_last=True
        )
    if compiled:
        run = step_torch.torch_steps(case, compiled=True)
        try:
            run()
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            print(f"torch.compile left out: {reason}", file=sys.stderr)
        else:
            rivals["torch.compile"] = run
    return rivals


def measure(case: Case, *, rounds: int, torch: bool, compiled: bool) -> dict:
    """All rivals of one case: milliseconds, rates and ratios."""
    rivals = {
        "GEMM float32": gemm("float32"),
        "GEMM bfloat16": gemm("bfloat16"),
        "jit off": package_steps(case),
        "jit on": package_steps(case, jit="on"),
        "Adam of Keras, jit off": package_steps(case, plain_adam=True),
        "bfloat16, jit off": package_steps(case, policy="mixed_bfloat16"),
    }
    if case.kind == "dense":
        rivals["products alone"] = products_alone(case)
    if torch:
        rivals |= torch_rivals(case, compiled=compiled)
    times = interleaved(rivals, rounds=rounds)
    return summary(case, times)


def summary(case: Case, times: dict[str, Times]) -> dict:
    """Milliseconds a step, GFLOP/s, part of the GEMM rate, ratio to PyTorch eager."""
    product = 2.0 * SIDE**3 * 3
    limit = product / times["GEMM float32"].median
    eager = times[EAGER].median if EAGER in times else None
    flops, rows = training_flops(case) * case.steps, {}
    for name, found in times.items():
        gemms = name.startswith("GEMM")
        steps = 3 if gemms else case.steps
        rate = (product if gemms else flops) / found.median
        step = Times(tuple(s / steps for s in found.seconds))
        rows[name] = step.to_json() | {
            "gflop_per_second": rate / 1e9,
            "of_gemm": rate / limit,
            "times_pytorch_eager": eager / found.median
            if eager and not gemms
            else None,
        }
    return {"case": case.name, "gflop": training_flops(case) / 1e9, "rivals": rows}


def text(result: dict) -> str:
    """One case as a titled table."""
    lines = []
    for name, row in result["rivals"].items():
        ratio = row["times_pytorch_eager"]
        lines.append(
            [
                name,
                f"{row['median_ms']:.2f} ({row['min_ms']:.2f} to {row['max_ms']:.2f})",
                f"{row['gflop_per_second']:.0f}",
                f"{100 * row['of_gemm']:.0f} %",
                "" if ratio is None else f"{ratio:.2f}",
            ]
        )
    header = ["", "ms a step", "GFLOP/s", "of float32 GEMM", "speed / PyTorch eager"]
    return (
        f"## {result['case']}: {result['gflop']:.2f} GFLOP a step\n\n"
        f"{table(header, lines)}\n"
    )


def main() -> None:
    """Prints one table a case, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", help="only cases whose name has this part")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-compile", action="store_true", help="no torch.compile")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    torch = importlib.util.find_spec("torch") is not None
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
    if torch:
        import torch as library

        library.set_num_threads(args.threads)
        versions["torch"] = library.__version__
    else:
        print("PyTorch rows left out: torch is not installed", file=sys.stderr)
    results = []
    for case in CASES:
        if args.case and args.case not in case.name:
            continue
        result = measure(
            case, rounds=args.rounds, torch=torch, compiled=not args.no_compile
        )
        results.append(result)
        if not args.json:
            print(text(result), flush=True)
    if args.json:
        print(json.dumps({"versions": versions, "cases": results}, indent=1))
    else:
        print(versions)


if __name__ == "__main__":
    main()

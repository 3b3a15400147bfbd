"""What denoising before measuring is worth, at equal training time.

Trains the compact network alone, and behind a denoiser that was trained first and then
fixed, each for the same processor time (a third of it for the denoiser), with several
seeds, and compares the errors of the five parameters on the same fresh galaxies. It
also says how many galaxies each network saw: a step behind a denoiser takes longer.

    python benchmarks/galaxies_two_stage.py --seconds 75 --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np

from keras_astro.data.galaxy_schema import GALAXIES
from keras_astro.data.sample import MemorySource, Sample
from keras_astro.simulate.galaxy_config import PARAMETERS, GalaxySimulation
from keras_astro.simulate.galaxy_stream import GalaxyStream
from keras_astro.tasks.base import Parts, Stage
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.tasks.galaxies import DENOISER, STAGE
from keras_astro.training.fit import fit_stage

# Sizes that see thousands of galaxies in their time: an RDN works at full resolution.
PIPELINES = {
    "none": [],
    "edsr": ["denoising.network=edsr", "denoising.filters=16", "denoising.blocks=3"],
    "rdn": ["denoising.network=rdn", "denoising.filters=8", "denoising.blocks=2"],
}
DENOISER_SHARE = 1 / 3
EPOCH_ROWS = 1024
TRIED_STEPS = 12
# Of the galaxies that errors are measured on; no training has that seed.
TEST_SEED, TEST_BATCH = 20_272_027, 1000


def step_seconds(stage: Stage) -> float:
    """Processor time of a training step, making its galaxies included.

    The model is put back as it was.
    """
    before = stage.model.get_weights()
    stage.model.compile("adam", stage.loss, jit_compile=stage.jit)
    times = []
    for number in range(TRIED_STEPS):
        start = time.process_time()
        stage.model.train_on_batch(*stage.inputs.make(number, stage.batch_size))
        times.append(time.process_time() - start)
    stage.model.set_weights(before)
    return float(np.median(times[2:]))


def train(settings: list[str], seconds: float, seed: int) -> tuple[keras.Model, dict]:
    """One pipeline within its time: the full model, and what its stages took."""
    config = load_config(
        "galaxies",
        [
            f"seed={seed}",
            "streaming.presets=[v3]",
            f"streaming.rows_per_epoch={EPOCH_ROWS}",
            "streaming.calibration_rows=1024",
            *settings,
        ],
    )
    keras.utils.set_random_seed(seed)
    task, few = get_task("galaxies"), validation(256)
    parts = Parts(few, few, few, few)
    prepared, models, facts = task.prepare(config, parts), {}, {}
    denoised = config.denoising.network != "none"
    shares = {DENOISER: DENOISER_SHARE, STAGE: 1 - DENOISER_SHARE * denoised}
    for stage in task.stages(config, prepared):
        own = shares[stage.name] * seconds
        rows = own * stage.batch_size / step_seconds(stage)
        stage.epochs = max(1, round(rows / stage.rows))
        start = time.process_time()
        fit_stage(stage, config.train, seed=seed)
        models[stage.name] = stage.model
        facts[stage.name] = {
            "cpu_s": time.process_time() - start,
            "galaxies": stage.epochs * stage.rows,
            "parameters": sum(int(np.prod(w.shape)) for w in stage.model.weights),
        }
    return task.assemble(config, prepared, models, parts), facts


def validation(rows: int):
    """Rendered rows with truth, as a source."""
    stream = GalaxyStream([GalaxySimulation.preset("v3")], seed=TEST_SEED + 1)
    inputs, truth = stream(0, rows)
    targets = dict(zip(PARAMETERS, truth.T, strict=True))
    return MemorySource(Sample(GALAXIES, inputs, targets))


def squared_errors(model: keras.Model, stream: GalaxyStream, rows: int) -> np.ndarray:
    """Of the posterior means on test galaxies, `(row, parameter)`.

    A batch of the stream is another one where it has another size: whole ones are made,
    so that the rows are the first of the same galaxies, however many are asked for.
    """
    found = []
    for start in range(0, rows, TEST_BATCH):
        inputs, truth = stream(start // TEST_BATCH, TEST_BATCH)
        kept = slice(min(TEST_BATCH, rows - start))
        inputs, truth = {k: v[kept] for k, v in inputs.items()}, truth[kept]
        given = {name: inputs[name] for name in model.input}
        outputs = model.predict(given, batch_size=250, verbose=0)
        mean = np.stack([outputs[name] for name in PARAMETERS], axis=1)
        found.append((mean - truth) ** 2)
    return np.concatenate(found)


def ratios(above: np.ndarray, below: np.ndarray) -> dict:
    """Roots of ratios of mean squares, `(seed, row, 5)`: mean, spread, each seed's."""
    each = np.sqrt(above.mean(axis=1) / below.mean(axis=1))
    spread = each.std(axis=0, ddof=1) if len(each) > 1 else np.full(5, np.nan)
    return {
        name: {
            "ratio": float(each[:, i].mean()),
            "spread": float(spread[i]),
            "by_seed": each[:, i].tolist(),
        }
        for i, name in enumerate(PARAMETERS)
    }


def measure(seconds: float, *, seeds: list[int], rows: int) -> dict:
    """All pipelines with each of the seeds."""
    stream = GalaxyStream([GalaxySimulation.preset("v3")], seed=TEST_SEED)
    errors = {name: [] for name in PIPELINES}
    result = {"seconds": seconds, "rows": rows, "stages": {n: [] for n in PIPELINES}}
    for seed in seeds:
        for name in PIPELINES:
            model, facts = train(PIPELINES[name], seconds, seed)
            errors[name].append(squared_errors(model, stream, rows))
            result["stages"][name].append(facts)
            rmse = np.sqrt(errors[name][-1].mean(axis=0)).tolist()
            print(name, seed, facts, rmse, flush=True)
    arrays = {name: np.array(found) for name, found in errors.items()}
    result["rmse"] = {
        name: dict(
            zip(
                PARAMETERS,
                np.sqrt(found.mean(axis=(0, 1))).tolist(),
                strict=True,
            )
        )
        for name, found in arrays.items()
    }
    result["over_alone"] = {
        name: ratios(arrays[name], arrays["none"]) for name in list(PIPELINES)[1:]
    }
    return result


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark and prints its result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=90.0, help="of processor time")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", type=int, default=8000, help="of the test")
    parser.add_argument("--json", type=Path, help="write the result there as well")
    args = parser.parse_args(argv)
    text = json.dumps(measure(args.seconds, seeds=args.seeds, rows=args.rows), indent=1)
    if args.json:
        args.json.write_text(text)
    print(text)


if __name__ == "__main__":
    main()

"""Fixed-seed experiments on quasar absorption spectra, one line of numbers each.

    python benchmarks/cgm.py single noisy multi four challenge example long

Each experiment trains through `kastro train`'s own path, chooses nothing on the test
rows, and measures them once at the end. `--set key=value` changes any setting. With
`--keep FOLDER` a second call, of the same rows and settings, goes on where a first one
was killed, and says so in place of the seconds that the whole training took.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from keras_astro.data.sample import MemorySource
from keras_astro.data.store import StoreSource, write_store
from keras_astro.evaluation.spectrum_baselines import baseline_errors
from keras_astro.evaluation.spectrum_rows import measure_rows
from keras_astro.evaluation.subject import Subject
from keras_astro.inference.predictor import open_predictor
from keras_astro.losses.challenge import latent_penalty
from keras_astro.simulate.cgm import iter_simulate, simulate
from keras_astro.simulate.cgm_config import CgmSimulation
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.tasks.cgm_pixels import read_observed
from keras_astro.training.run import Run
from keras_astro.training.train import load_or_make_split, make_parts, train

SEED = 20_000

HELD = ("validation", "calibration", "test")

CHALLENGE_ROWS = 20_600

# Preset, changes to it, rows, and settings of the run.
EXPERIMENTS = {
    "single": ("single-cloud", {}, 2200, []),
    "noisy": ("single-cloud", {"noise": 0.05}, 2200, ["train.epochs=60"]),
    "four": ("single-cloud", {}, 2200, ["model.latent_dim=4"]),
    "multi": ("multi-cloud", {}, 2200, ["train.epochs=100"]),
    "challenge": (
        "challenge-like",
        {},
        CHALLENGE_ROWS,
        [
            "train.epochs=40",
            # At 128 rows a step, 28 epochs of 20,000 rows end where 9 at 64 do.
            "train.batch_size=32",
            # Splines with nodes that far apart leave 4e-6 of absorption in lines.
            "model.step_kms=24",
            "model.decoder_hidden=[256,1024]",
            "refinement.free_epochs=20",
            *(f"data.{part}_fraction={200 / CHALLENGE_ROWS}" for part in HELD),
        ],
    ),
    # The same rows and pixels for the network that the organisers gave as an example.
    "example": (
        "challenge-like",
        {},
        CHALLENGE_ROWS,
        [f"data.{part}_fraction={200 / CHALLENGE_ROWS}" for part in HELD],
    ),
    # One pixel of the single-cloud grid in ten; five passes show time and memory.
    "long": (
        "single-cloud",
        {"pixels": 100_000, "pixel_angstrom": 0.007},
        2200,
        ["train.epochs=5"],
    ),
}


def main() -> None:
    """Runs the experiments named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=list(EXPERIMENTS))
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--jobs", type=int, default=1, help="Processes that simulate.")
    parser.add_argument("--keep", type=Path, help="Folder where rows and runs stay.")
    options = parser.parse_args()
    for name in options.names:
        with tempfile.TemporaryDirectory() as folder:
            experiment(name, options, Path(folder))


def experiment(name: str, options, folder: Path) -> None:
    """Simulates, trains, measures and prints."""
    preset, changes, count, defaults = EXPERIMENTS[name]
    prior = CgmSimulation.preset(preset).replace(**changes)
    config = load_config("cgm", [*defaults, *options.settings])
    task, rows = get_task("cgm"), options.rows or count
    path = (options.keep or folder) / f"{preset}-{prior.pixels}-{rows}.h5"
    source = simulated(prior, rows, path, options.jobs)
    peak_simulated = peak_memory()
    place = (options.keep or folder) / f"{name}-{rows}-{config.digest()[:8]}"
    begun = Run.check_place(place, resume=True)
    run = Run.create(place, config, resume=True)
    finished = run.finished
    if name == "example":
        parts = make_parts(source, load_or_make_split(source, run, config))
        example(task.prepare(config, parts), parts)
        return
    start = time.process_time()
    train(task, source, run)
    spent = f"CPU {time.process_time() - start:.0f} s training"
    if begun:
        spent = "not trained here" if finished else f"resumed, {spent} from there on"
    peak_trained = peak_memory()
    parts = make_parts(source, load_or_make_split(source, run, config))
    start = time.process_time()
    subject = Subject(open_predictor(run.path), parts.test, print, run, parts.train)
    found = measure_rows(subject, steps=config.refinement.steps)
    refined = time.process_time() - start
    peak = peak_memory()
    active = run.load_model().get_layer("active")
    train_rows, test_rows = (
        read_observed(p, active) for p in (parts.train, parts.test)
    )
    report(name, found, baseline_errors(train_rows, test_rows, found.latents))
    print(
        f"  {len(parts.train)} rows trained on, {active.active} of {active.pixels} "
        f"pixels modelled; {spent}; CPU {refined:.0f} s refining "
        f"{len(parts.test)} rows; peak {peak_simulated:.2f} GB before "
        f"training, {peak_trained:.2f} GB after it, {peak:.2f} GB at the end",
        flush=True,
    )


def peak_memory() -> float:
    """Largest resident memory of the process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def simulated(prior: CgmSimulation, rows: int, path: Path, jobs: int):
    """Rows in memory, or in a file where they are long."""
    if prior.pixels <= 10_000:
        return MemorySource(simulate(prior, rows, seed=SEED, jobs=jobs))
    if not path.is_file():
        blocks = iter_simulate(prior, rows, seed=SEED, jobs=jobs)
        write_store(path, blocks, generator="simulate.cgm", config={}, seed=SEED)
    return StoreSource(path, get_task("cgm").schema)


def report(name: str, found, baselines) -> None:
    """Prints mean and median errors, before and after refinement, and baselines."""
    floor = found.targets["noise_mse"]
    errors = {
        "mean spectrum": baselines["mean"][0],
        f"PCA-{found.latents}": baselines["pca"][found.latents],
        f"NMF-{found.latents}": baselines["nmf"][found.latents],
        "amortised": found.mse(found.amortised),
        "refined": found.mse(found.refined),
    }
    print(f"{name}: d = {found.latents}, noise floor {floor.mean():.4g}")
    for label, error in errors.items():
        excess = error - floor
        print(
            f"  {label:14s} MSE {error.mean():.4g} (median {np.median(error):.3g}), "
            f"above the noise {excess.mean():.3g} (median {np.median(excess):.3g})"
        )
    penalised = errors["refined"].mean() + latent_penalty(found.latents)
    constant = (np.ptp(found.refined, axis=0) == 0) & (np.ptp(found.flux, axis=0) > 0.5)
    print(
        f"  penalised loss {penalised:.4g}; negative pixels "
        f"{np.sum(found.refined < 0)}, constant where the data vary by half "
        f"{constant.sum()}"
    )
    for number, kind in enumerate(("rest", "Lyman limit", "damped")):
        member = found.targets["absorber_class"] == number
        if member.any():
            ours, linear = (
                (errors[key] - floor)[member].mean()
                for key in ("refined", f"PCA-{found.latents}")
            )
            print(f"  {kind:14s} {member.sum():4d} rows: {ours:.3g}, PCA {linear:.3g}")


def example(prepared, parts) -> None:
    """The organisers' example re-built: a dense net that ends with a rectifier."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    train_rows, test_rows = prepared.train, read_observed(parts.test, prepared.active)
    pixels = train_rows.absorption.shape[1]
    sizes = (264, 128, 5, 128, 264)
    model = keras.Sequential([keras.Input((pixels,))])
    for size in sizes:
        model.add(layers.Dense(size, "relu"))
    model.add(layers.Dense(pixels, "relu"))
    model.compile("adam", "mse")
    flux = 1.0 - train_rows.absorption
    model.fit(flux, flux, epochs=10, batch_size=32, verbose=0)
    seen = 1.0 - test_rows.absorption
    made = model.predict(seen, verbose=0)
    total = ((made - seen) ** 2).sum() + test_rows.rest_square.sum()
    error = total / test_rows.counted.sum()
    dead = float((made == 0).all(axis=0).mean())
    print(
        f"  organisers' example on the modelled pixels: MSE {error:.4g}, "
        f"{dead:.1%} of its outputs are 0 in all rows"
    )


if __name__ == "__main__":
    main()

"""What freezing an encoder costs and what it saves, on simulated alerts.

A run of `model.mode = frozen` is compared with the same head on an encoder that was
never trained, and on the principal components that the autoencoder starts from; all on
one orientation of each test row. A run of `model.mode = joint` is compared with the
frozen run's reconstruction; its head reads measures of the stamps, too, unless it is
of `model.measures = false`.
The head of a frozen run cannot move its encoder, which is measured too: the error of
the trained autoencoder before the head was trained is in the run's history.

    kastro train alerts -o runs/frozen --set model.mode=frozen
    kastro train alerts -o runs/joint
    python benchmarks/alert_freezing.py runs/frozen runs/joint --figure freezing.png
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from figure import save_small
from matplotlib.figure import Figure

from keras_astro.data.sample import Source
from keras_astro.evaluation import style
from keras_astro.evaluation.alert_rows import (
    head_on,
    label_names,
    random_encoder,
    single_alerts,
)
from keras_astro.metrics.classification import balanced_accuracy
from keras_astro.tasks.alerts_networks import (
    build_autoencoder_parts,
    start_at_components,
)
from keras_astro.tasks.alerts_rows import class_numbers, orient, read_rows
from keras_astro.tasks.alerts_stages import HEAD_TURNS
from keras_astro.tasks.catalog import get_task
from keras_astro.tasks.default_data import open_rows
from keras_astro.training.run import Run
from keras_astro.training.train import load_or_make_split, make_parts

SEEDS = 3


def parts_of(run: Run):
    """The rows of a run as it divided them."""
    rows = open_rows(get_task("alerts"), run.config, story=print)
    return make_parts(rows, load_or_make_split(rows, run, run.config))


def rmse(encoder, decoder, frames: np.ndarray) -> float:
    """Of the reconstruction of frames."""
    z = encoder.predict(frames, verbose=0, batch_size=512)
    drawn = decoder.predict(z, verbose=0, batch_size=512)
    return float(np.sqrt(np.mean((drawn - frames) ** 2)))


def networks(model):
    """Encoder and decoder of a full model."""
    return model.get_layer("encoder"), model.get_layer("decoder")


def accuracy(model, test: Source, labels: np.ndarray) -> float:
    """Balanced accuracy of a full model."""
    said = [
        model.predict_on_batch({"stamps": block.inputs["stamps"]})["class_index"]
        for block in test.blocks(256)
    ]
    return balanced_accuracy(labels, np.rint(np.concatenate(said)).astype(int))


def error_before_head(run: Run) -> float:
    """Root of the validation error when the autoencoder's training ended."""
    with (run.path / "history.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["stage"] == "autoencoder"]
    # The loss: the metric beside it is a mean of batches, of which the last is smaller.
    return float(np.sqrt(min(float(r["val_loss"]) for r in rows)))


def of_random_encoders(config, given, labels: np.ndarray) -> dict[str, float]:
    """Mean and scatter of what heads read from encoders that were never trained."""
    found = [
        balanced_accuracy(
            labels,
            random_encoder(
                config.model_copy(update={"seed": config.seed + seed}), *given
            ),
        )
        for seed in range(SEEDS)
    ]
    return {
        "balanced_accuracy_random": float(np.mean(found)),
        "balanced_accuracy_random_sd": float(np.std(found, ddof=1)),
    }


def measure(frozen: Run, joint: Run) -> dict[str, float]:
    """Balanced accuracies and reconstruction errors on test rows of one split."""
    parts = parts_of(frozen)
    models = {"frozen": frozen.load_model(), "joint": joint.load_model()}
    stem = models["frozen"].get_layer("stem")
    labels = class_numbers(label_names(parts.test), len(parts.test))
    test, train = (read_rows(stem, part) for part in (parts.test, parts.train))
    frames, train_frames = test.frames, train.frames
    held = read_rows(stem, parts.validation).frames
    found = {"test_rows": len(labels)}
    for name, model in models.items():
        found[f"balanced_accuracy_{name}"] = accuracy(model, parts.test, labels)
        found[f"reconstruction_rmse_{name}"] = rmse(*networks(model), frames)
    found["balanced_accuracy_frozen_one_turn"] = balanced_accuracy(
        labels, single_alerts(models["frozen"], test, turns=1)
    )
    # As many rows as the frozen run's head had.
    turned = np.concatenate([orient(train_frames, n) for n in range(HEAD_TURNS)])
    given = turned, np.tile(train.labels, HEAD_TURNS), frames
    found |= of_random_encoders(frozen.config, given, labels)
    pair = build_autoencoder_parts(frozen.config, frames.shape[1:])
    start_at_components(*pair, train_frames, seed=frozen.config.seed)
    said = head_on(pair[0], frozen.config, *given)
    found["balanced_accuracy_components"] = balanced_accuracy(labels, said)
    found["reconstruction_rmse_components"] = rmse(*pair, frames)
    about_mean = frames - train_frames.mean(axis=0)
    found["reconstruction_rmse_mean_image"] = float(np.sqrt(np.mean(about_mean**2)))
    found["validation_rmse_before_head"] = error_before_head(frozen)
    found["validation_rmse_after_head"] = rmse(*networks(models["frozen"]), held)
    return found


def draw(found: dict[str, float]) -> Figure:
    """Accuracy on the left, reconstruction error on the right."""
    figure, (left, right) = style.new_figure(1, 2, width=8.4, height=3.4)
    bars = {
        left: (
            "balanced_accuracy",
            ("random", "components", "frozen_one_turn", "joint"),
        ),
        right: ("reconstruction_rmse", ("mean_image", "components", "frozen", "joint")),
    }
    titles = {left: "Balanced accuracy", right: "Reconstruction RMSE"}
    colours = [style.GREY, style.GREY, style.BLUE, style.GREEN]
    for axes, (key, names) in bars.items():
        values = [found[f"{key}_{name}"] for name in names]
        words = [name.replace("_one_turn", "").replace("_", " ") for name in names]
        drawn = axes.bar(words, values, color=colours)
        axes.bar_label(drawn, fmt="%.3f", fontsize=9)
        axes.margins(y=0.15)
        axes.set_title(titles[axes])
    return figure


def main() -> None:
    """Prints the figures and draws them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frozen", type=Path)
    parser.add_argument("joint", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    found = measure(Run.open(options.frozen), Run.open(options.joint))
    print(json.dumps(found, indent=1))
    if options.figure:
        save_small(style.styled(draw)(found), options.figure)


if __name__ == "__main__":
    main()

"""From a run or an artefact and test rows to metrics.json, plots and report.html."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_astro.data.sample import Source
from keras_astro.errors import DataError
from keras_astro.evaluation.baselines import PcaResidual, TangentResidual
from keras_astro.evaluation.figures import choose_examples, training_history
from keras_astro.evaluation.lensing import LensRows, evaluate_lenses
from keras_astro.evaluation.metrics_file import plain_metrics, write_metrics
from keras_astro.evaluation.report import Report, Section
from keras_astro.inference.batch import predict_source
from keras_astro.inference.predictor import Predictor, open_predictor
from keras_astro.inference.table import predictions_table, write_table
from keras_astro.tasks.catalog import get_task
from keras_astro.tasks.default_data import open_rows
from keras_astro.training.run import Run
from keras_astro.training.train import load_or_make_split, make_parts

Story = Callable[[str], None]
BASELINE_ROWS = 3000


def evaluate_run(
    run: Run,
    *,
    story: Story,
    source: Source | None = None,
    out: Path | None = None,
) -> dict:
    """Measures a run on its test rows, or on other rows, and writes its report.

    Args:
        run: A finished run.
        story: Told what happens, a sentence at a time.
        source: Rows to test on; the run's own test rows when None.
        out: Where to write; the run folder when None.

    Returns:
        The metrics, as in metrics.json.

    Raises:
        DataError: If there are no test rows.
    """
    config = run.config
    task = get_task(config.task)
    rows = open_rows(task, config, story=story)
    split = load_or_make_split(rows, run, config)
    parts = make_parts(rows, split)
    test = source or parts.test
    if not len(test):
        raise DataError(
            f"{run.path}: has no test rows", hint="Give some with --data PATH."
        )
    predictor = open_predictor(run.path)
    scored = score_rows(predictor, test)
    scored.resamples = config.scores.bootstrap
    scored.baselines = baseline_scores(run, parts.train, scored)
    found = evaluate_lenses(scored)
    groups = rows.facts()["group"]
    leaked = leaked_fraction(parts.train.facts()["group"], test.facts()["group"])
    found.metrics["leaked_fraction"] = leaked
    found.sections.append(history_section(run.path / "history.csv"))
    facts = {
        "task": f"{task.name}",
        "trained on": f"{rows.name} ({len(parts.train)} rows)",
        "tested on": f"{test.name} ({len(test)} rows)",
        "objects": len(np.unique(groups)),
        "leaked fraction": leaked,
        "seed": config.seed,
        "labels": "not used in training, tuning or thresholds",
    }
    return _write(
        out or run.path, found, facts, config.to_yaml(), scored, test, predictor
    )


def evaluate_artefact(path: Path, source: Source, out: Path, *, story: Story) -> dict:
    """Measures an exported artefact on labelled rows; baselines need a run."""
    predictor = open_predictor(path)
    story(f"scoring {len(source)} rows with {path}")
    scored = score_rows(predictor, source)
    found = evaluate_lenses(scored)
    facts = {"artefact": str(path), "tested on": f"{source.name} ({len(source)} rows)"}
    return _write(out, found, facts, "", scored, source, predictor)


def score_rows(predictor: Predictor, source: Source) -> LensRows:
    """Scores all rows; maps are only made for the rows of the gallery."""
    outputs, flags = predict_source(predictor, source)
    facts = source.facts()
    first = source.read(0, 1)
    labels = facts["is_anomaly"].astype(int) if first.targets else None
    if labels is not None and "is_anomaly" not in first.targets:
        labels = None
    sample = source.read()
    shown = np.concatenate(list(choose_examples(outputs["score"]).values()))
    images = sample.inputs["image"]
    truth = sample.targets.get("substructure_map")
    calibration = predictor.manifest["calibration"]
    return LensRows(
        outputs=outputs,
        labels=labels,
        images=images,
        targets={k: v for k, v in sample.targets.items() if v.ndim == 1},
        frames=gallery_frames(predictor, images[shown], truth, shown),
        shown=shown,
        baselines={},
        rate=calibration["false_positive_rate"],
        calibration_rows=calibration["n"],
        flags=flags,
    )


def gallery_frames(predictor: Predictor, images, truth, shown):
    """See `LensRows.frames`; None from an artefact without these signatures."""
    if not {"score", "reconstruct"} <= set(predictor.signatures):
        return None
    maps = predictor.run("score", {"image": images})["anomaly_map"]
    drawn = predictor.run("reconstruct", {"image": images})
    return drawn["frame"], drawn["reconstruction"], maps, _truth(truth, shown, maps)


def _truth(truth, shown, maps):
    """Truth maps cropped and binned to the frame of the anomaly maps."""
    if truth is None:
        return None
    chosen = truth[shown]
    step = max(1, chosen.shape[1] // maps.shape[1])
    side = maps.shape[1] * step
    top = (chosen.shape[1] - side) // 2
    cut = chosen[:, top : top + side, top : top + side]
    return cut.reshape(len(cut), maps.shape[1], step, maps.shape[2], step).mean((2, 4))


def baseline_scores(run: Run, train: Source, scored: LensRows) -> dict[str, np.ndarray]:
    """PCA residual and local tangent space, fitted on the run's training rows."""
    stem = run.load_model().get_layer("stem")
    count = min(len(train), BASELINE_ROWS)
    fitted_on = stem.predict(train.read(0, count).inputs["image"], verbose=0)
    frames = stem.predict(scored.images, verbose=0)
    flips = ("x", "y") if run.config.preprocessing.flips else ()
    models = {
        "pca_residual": PcaResidual(),
        "tangent_space": TangentResidual(flips=flips),
    }
    return {name: model.fit(fitted_on).score(frames) for name, model in models.items()}


def leaked_fraction(train_groups: np.ndarray, test_groups: np.ndarray) -> float:
    """Fraction of test rows whose object was trained on."""
    return float(np.mean(np.isin(test_groups, train_groups)))


def history_section(path: Path) -> Section:
    """Loss curves of the first stage."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    first = [row for row in rows if row["stage"] == rows[0]["stage"]]
    columns = {
        key: [float(row[key]) for row in first]
        for key in first[0]
        if key not in ("stage", "epoch") and all(row[key] for row in first)
    }
    figure = training_history(columns)
    return Section("Training", "", figures=[("training_history", figure)])


def _write(folder, found, facts, config_text, scored, test, predictor) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    write_metrics(folder / "metrics.json", found.metrics)
    table = predictions_table(
        scored.outputs, test.facts()["id"], predictor.manifest, scored.flags
    )
    write_table(table, folder / "predictions.parquet", overwrite=True)
    Report(
        title="Strong lenses: substructure",
        facts=facts,
        verdicts=found.verdicts,
        sections=found.sections,
        metrics=found.metrics,
        config_text=config_text,
        headlines=found.headlines,
    ).write(folder)
    return plain_metrics(found.metrics)

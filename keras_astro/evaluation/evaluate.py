"""From a run or an artefact and test rows to metrics.json, plots and report.html."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np

from keras_astro.data.sample import Source
from keras_astro.errors import DataError
from keras_astro.evaluation.figures import training_history
from keras_astro.evaluation.metrics_file import plain_metrics, write_metrics
from keras_astro.evaluation.report import Report, Section
from keras_astro.evaluation.subject import Evaluation, Story, Subject
from keras_astro.evaluation.verdicts import of_leaks
from keras_astro.inference.held_out import reference_of
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.table import predictions_table, write_table
from keras_astro.tasks.base import Parts
from keras_astro.tasks.catalog import examiner, get_task, model_rows
from keras_astro.tasks.default_data import open_rows
from keras_astro.training.files import write_json
from keras_astro.training.finetune import labelled_groups
from keras_astro.training.run import Run
from keras_astro.training.train import load_or_make_split, make_parts


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
        out: Where to write; the run folder when None, which then also gets the
            reference for drift.

    Returns:
        The metrics, as in metrics.json.

    Raises:
        DataError: If there are no test rows, or none for the reference.
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
    if out is None:
        write_reference(run, predictor, parts)
    subject = Subject(predictor, test, story, run, parts.train, parts.calibration)
    found = examiner(config.task)(subject)
    leaked = leaked_fraction(trained_groups(run, parts), test.facts()["group"])
    found.metrics["leaked_fraction"] = leaked
    warned = of_leaks(leaked)
    for verdict in warned:
        story(verdict.text)
    found.verdicts = [*warned, *found.verdicts]
    found.sections.append(history_section(run.path / "history.csv", story=story))
    found.facts = {
        "task": config.task,
        "trained on": f"{rows.name} ({len(parts.train)} rows)",
        "tested on": f"{test.name} ({len(test)} rows)",
        "objects": len(np.unique(rows.facts()["group"])),
        "leaked fraction": leaked,
        "seed": config.seed,
        **found.facts,
    }
    return _write(out or run.path, found, subject, config.to_yaml())


def evaluate_artefact(
    predictor: Predictor, source: Source, out: Path, *, story: Story
) -> dict:
    """Measures an exported artefact on labelled rows; baselines need a run.

    Args:
        predictor: The loaded artefact.
        source: Rows to test on.
        out: Where to write.
        story: Told what happens, a sentence at a time.

    Returns:
        The metrics, as in metrics.json.
    """
    story(f"measuring {predictor.path} on {len(source)} rows")
    subject = Subject(predictor, source, story)
    found = examiner(predictor.manifest["task"])(subject)
    found.facts = {
        "artefact": str(predictor.path),
        "tested on": f"{source.name} ({len(source)} rows)",
        **found.facts,
    }
    return _write(out, found, subject, "")


def write_reference(run: Run, predictor: Predictor, parts: Parts) -> None:
    """Keeps what `kastro predict RUN` compares later rows with, as exports do.

    Args:
        run: Gets a file `reference.json`.
        predictor: Of the run.
        parts: Of its own rows; those of validation and calibration are normal.
    """
    manifest = predictor.manifest
    normal = [model_rows(p, manifest) for p in (parts.calibration, parts.validation)]
    found = reference_of(partial(predictor.run, "predict"), normal, manifest)
    write_json(run.path / "reference.json", found)


def trained_groups(run: Run, parts: Parts) -> np.ndarray:
    """Objects whose labels a run has seen: of training rows and of fine-tuning.

    Observed rows of fine-tuning do not count where only their inputs were used.
    """
    ours = np.asarray(parts.train.facts()["group"]).astype(str)
    return np.union1d(ours, np.array(labelled_groups(run.path), dtype=str))


def leaked_fraction(train_groups: np.ndarray, test_groups: np.ndarray) -> float:
    """Fraction of test rows whose object was trained on."""
    return float(np.mean(np.isin(test_groups, train_groups)))


def history_section(path: Path, *, story: Story) -> Section:
    """Loss curves of the first stage; without losses in the file, a word of that."""
    rows = []
    if path.is_file():
        with path.open() as file:
            rows = list(csv.DictReader(file))
    if not rows:
        story(f"{path} has no losses: the report goes without the training curve")
        return Section("Training", "No training curve: history.csv has no losses.")
    first = [row for row in rows if row["stage"] == rows[0]["stage"]]
    columns = {
        key: [float(row[key]) for row in first]
        for key in first[0]
        if key not in ("stage", "epoch") and all(row[key] for row in first)
    }
    figure = training_history(columns)
    return Section("Training", "", figures=[("training_history", figure)])


def _write(folder: Path, found: Evaluation, subject: Subject, config_text: str) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    write_metrics(folder / "metrics.json", found.metrics)
    table = predictions_table(
        found.outputs,
        subject.test.facts()["id"],
        subject.predictor.manifest,
        found.flags,
    )
    write_table(table, folder / "predictions.parquet", overwrite=True)
    Report(
        title=found.title,
        facts=found.facts,
        verdicts=found.verdicts,
        sections=found.sections,
        metrics=found.metrics,
        config_text=config_text,
        headlines=found.headlines,
    ).write(folder)
    return plain_metrics(found.metrics)

"""Test rows of a stellar model with its estimates, and the baselines' on the same."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from keras_astro.data.sample import Sample, Source
from keras_astro.evaluation.adaptation import Adapted, read_adapted
from keras_astro.evaluation.stellar_baselines import BASELINES, without_offset
from keras_astro.evaluation.subject import Subject
from keras_astro.inference.batch import predict_source
from keras_astro.tasks.stellar_features import LABELS, blocks, read_labels

# Rows whose spectra are drawn, and training rows whose latents are compared.
SHOWN, COMPARED = 400, 1000


@dataclass
class StarRows:
    """Estimates of test rows.

    Args:
        outputs: The model's table outputs by name.
        flags: Quality flags of the rows.
        truth: Known labels by name, `(row,)`; only those known for all rows.
        groups: Atmosphere of each row.
        snr: Signal-to-noise ratio of each row, where it is known.
        wavelength: In angstrom; None where the data has none.
        medium: Of the wavelengths, empty where it is not said.
        origin: Where the spectra come from, empty where it is not said.
        normalised: Of the first rows, `(row, pixel)`; None from an artefact without it.
        reconstruction: Of the same rows.
        baselines: Name to predictions by label.
        adapted: Codes of both domains before and after fine-tuning, and what was done;
            None of a run that was trained.
        caveat: What must be said of the intervals, empty for nothing.
        calibration_groups: Atmospheres that set the intervals; None with an artefact.
        train_latents: Codes of training rows; None with an artefact.
        resamples: Bootstrap resamples.
    """

    outputs: dict[str, np.ndarray]
    flags: np.ndarray
    truth: dict[str, np.ndarray]
    groups: np.ndarray
    snr: np.ndarray | None
    wavelength: np.ndarray | None
    medium: str
    origin: str = ""
    normalised: np.ndarray | None = None
    reconstruction: np.ndarray | None = None
    baselines: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    adapted: Adapted | None = None
    caveat: str = ""
    calibration_groups: int | None = None
    train_latents: np.ndarray | None = None
    resamples: int = 1000


def star_rows(subject: Subject) -> StarRows:
    """Estimates for all rows; spectra are kept of the first ones only."""
    predictor, source = subject.predictor, subject.test
    outputs, flags = predict_source(predictor, source)
    sample = source.read()
    first = sample.rows(0, min(SHOWN, len(sample)))
    truth = {
        name: sample.targets[name].astype(float)
        for name in LABELS
        if name in sample.targets and np.isfinite(sample.targets[name]).all()
    }
    snr = sample.targets.get("snr")
    rows = StarRows(
        outputs=outputs,
        flags=flags,
        truth=truth,
        groups=sample.meta["group"],
        snr=snr if snr is not None and np.isfinite(snr).all() else None,
        wavelength=sample.axes.get("wavelength_angstrom"),
        medium=_said(sample, "medium"),
        origin=_said(sample, "origin"),
        caveat=predictor.manifest.get("parent", {}).get("intervals", ""),
    )
    if "reconstruct" in predictor.signatures:
        drawn = predictor.run("reconstruct", first.inputs)
        rows.normalised = drawn["normalised"]
        rows.reconstruction = drawn["reconstruction"]
    if truth:
        rows.baselines["constant_offset"] = {
            name: without_offset(truth[name], outputs[name]) for name in truth
        }
    if subject.run is not None:
        _compare_with_training(rows, subject)
    return rows


def _said(sample: Sample, name: str) -> str:
    """What all rows say of themselves under a name, joined; empty for nothing."""
    return "; ".join(np.unique(sample.meta[name])) if name in sample.meta else ""


def _compare_with_training(rows: StarRows, subject: Subject) -> None:
    config = subject.run.config
    rows.resamples = config.scores.bootstrap
    rows.adapted = read_adapted(subject.run.path)
    rows.calibration_groups = len(np.unique(subject.calibration.facts()["group"]))
    few = subject.train.read(0, min(COMPARED, len(subject.train)))
    rows.train_latents = subject.predictor.run("encode", few.inputs)["z"]
    if not rows.truth:
        return
    stem = subject.run.load_model().get_layer("stem")
    spectra, labels = training_rows(stem, subject.train)
    seen = np.concatenate(
        [found["normalised"] for found, _ in blocks(stem, subject.test)]
    )
    for name in config.report.baselines:
        subject.story(f"fitting the baseline {name.replace('_', ' ')}")
        predicted = BASELINES[name]().fit(spectra, labels).predict(seen)
        rows.baselines[name] = dict(zip(LABELS, predicted.T, strict=True))


def training_rows(stem, train: Source) -> tuple[np.ndarray, np.ndarray]:
    """Normalised spectra and labels of the training rows, for the baselines."""
    found = [
        (x["normalised"], read_labels(sample)) for x, sample in blocks(stem, train)
    ]
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))

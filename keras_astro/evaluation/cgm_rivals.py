"""What spectra are compared with: linear reductions, and what latents know of gas.

A run fits both on its training rows. An artefact carries none, so each half of the rows
that it is measured on is held against what was fitted on the other half.
"""

from __future__ import annotations

import numpy as np

from keras_astro.evaluation.latent_physics import ROWS, Known, known_parameters
from keras_astro.evaluation.spectrum_baselines import baseline_errors
from keras_astro.evaluation.spectrum_rows import SpectrumRows
from keras_astro.evaluation.subject import Subject
from keras_astro.inference.refinement import can_refine
from keras_astro.tasks.cgm_pixels import Observed, read_observed

# Halves of fewer rows would make weak rivals.
LEAST_ROWS = 100


def linear_baselines(
    subject: Subject, rows: SpectrumRows
) -> dict[str, dict[int, np.ndarray]]:
    """Errors of linear reductions by name and number of parts; none for few rows."""
    subject.story("fitting principal components and non-negative parts")
    if subject.run is not None:
        active = subject.run.load_model().get_layer("active")
        train, test = (read_observed(s, active) for s in (subject.train, subject.test))
        return baseline_errors(train, test, rows.latents)
    if len(rows.flux) < LEAST_ROWS or not can_refine(subject.predictor):
        return {}
    return halved_baselines(observed_by(subject, rows), rows.latents)


def halved_baselines(
    observed: Observed, latents: int
) -> dict[str, dict[int, np.ndarray]]:
    """Errors of every other row under reductions fitted on the rows between."""
    even = np.arange(len(observed.absorption)) % 2 == 0
    halves = [
        (part, baseline_errors(_of(observed, ~part), _of(observed, part), latents))
        for part in (even, ~even)
    ]
    found: dict[str, dict[int, np.ndarray]] = {}
    for part, errors in halves:
        for name, by_number in errors.items():
            for number, error in by_number.items():
                whole = found.setdefault(name, {}).setdefault(
                    number, np.zeros(len(even))
                )
                whole[part] = error
    return found


def observed_by(subject: Subject, rows: SpectrumRows) -> Observed:
    """The rows on the pixels that an artefact models, and what it loses of others."""
    run, inputs = subject.predictor.run, subject.test.read().inputs
    seen = run("observe", inputs)
    lost, weight = seen["absorption"], seen["weight"]
    made = run("absorb", {"z": rows.outputs["z"]})["absorption_model"]
    modelled = np.where(weight > 0, (made - lost) ** 2, 0.0).sum(axis=1, dtype=float)
    counted = rows.good.sum(axis=1)
    rest = np.maximum(rows.mse(rows.amortised) * counted - modelled, 0.0)
    return Observed(lost, weight, rest, counted)


def latent_knowledge(subject: Subject, rows: SpectrumRows) -> dict[str, Known]:
    """Physical parameters from latents, where the rows' truth is known."""
    if not rows.targets:
        return {}
    z, truth = rows.outputs["z"], rows.targets
    if subject.run is not None:
        sample = subject.train.read(0, ROWS)
        fitted = subject.predictor.run("encode", sample.inputs)["z"]
        return known_parameters(fitted, sample.targets, z, truth)
    if len(z) < LEAST_ROWS:
        return {}
    odd, even = ({k: v[i::2] for k, v in truth.items()} for i in (1, 0))
    return known_parameters(z[1::2], odd, z[::2], even)


def _of(observed: Observed, part: np.ndarray) -> Observed:
    return Observed(
        observed.absorption[part],
        None if observed.weight is None else observed.weight[part],
        observed.rest_square[part],
        observed.counted[part],
    )

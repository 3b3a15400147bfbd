"""Rows that moved no weight: what later rows are verified on and compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_astro.data.sample import Sample, Source
from keras_astro.errors import DataError
from keras_astro.inference.reference import build_reference, row_quantities

VERIFIED_ROWS = 500
# Of each source of the reference for drift.
REFERENCE_ROWS = 500

Arrays = dict[str, np.ndarray]


def held_out_rows(source: Source, most: int = VERIFIED_ROWS) -> Sample:
    """Rows spread evenly over a source."""
    count = min(len(source), most)
    chosen = np.linspace(0, len(source) - 1, count).round().astype(int)
    return source.take(np.unique(chosen))


def model_inputs(sample: Sample, specs: Mapping[str, Any]) -> Arrays:
    """What a model takes of a sample, filled where the sample lacks an optional input.

    Args:
        sample: The rows.
        specs: The manifest's inputs of a signature.

    Raises:
        DataError: If the sample lacks an input that the model cannot do without.
    """
    missing = [
        name
        for name, spec in specs.items()
        if name not in sample.inputs and spec.get("fill") is None
    ]
    if missing:
        raise DataError(
            f"{sample.name}: expected the inputs {', '.join(specs)}, found no "
            f"{', '.join(missing)}",
            hint="Give rows that have it, or use a model that does without.",
        )
    return {
        name: np.asarray(sample.inputs[name], spec["dtype"])
        if name in sample.inputs
        else np.full((len(sample), *spec["shape"][1:]), spec["fill"], spec["dtype"])
        for name, spec in specs.items()
    }


def reference_of(
    predict: Callable[[Arrays], Arrays],
    sources: Sequence[Source],
    manifest: Mapping[str, Any],
) -> dict[str, Any]:
    """How normal rows are distributed, for `keras_astro.inference.drift`.

    Args:
        predict: The `predict` signature, of a Keras model or of an artefact.
        sources: Normal rows that moved no weight, as the model takes them.
        manifest: Of the model.

    Raises:
        DataError: If the sources have no rows.
    """
    if not any(map(len, sources)):
        raise DataError(
            "expected rows of validation or calibration to compare later rows with, "
            "found none",
            hint="Train on more rows, or with larger data.validation_fraction and "
            "data.calibration_fraction.",
        )
    specs = manifest["signatures"]["predict"]["inputs"]
    parts = []
    for source in filter(len, sources):
        rows = model_inputs(held_out_rows(source, REFERENCE_ROWS), specs)
        parts.append(row_quantities(rows, predict(rows), manifest))
    joined = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    return build_reference(joined)

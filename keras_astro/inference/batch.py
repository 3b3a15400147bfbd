"""Whole sources through a predictor, block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_astro.data.sample import Sample, Source
from keras_astro.inference.drift import DriftWatch
from keras_astro.inference.flags import row_flags
from keras_astro.inference.grids import check_grids
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.refinement import refined_outputs
from keras_astro.tasks import catalog

BLOCK = 512
# The flag of a row that could not be measured.
FAILED = "failed"


class Scored(NamedTuple):
    """What a model makes of rows.

    Args:
        outputs: Arrays of the `predict` signature by name; NaN where a row failed.
        flags: Quality flags of each row.
        reasons: Why rows failed, empty for the others; None where the source does not
            tell.
    """

    outputs: dict[str, np.ndarray]
    flags: np.ndarray
    reasons: np.ndarray | None = None


def score_source(
    predictor: Predictor,
    source: Source,
    *,
    refine: bool = False,
    drift: DriftWatch | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Scored:
    """Scores all rows of a source; only a block of them is in memory at a time.

    Args:
        predictor: A loaded model.
        source: The rows. Those with a `meta["fault"]` fail, and the rest goes on.
        refine: Whether to refine the latents of each row, see `refinement`.
        drift: Told of all rows as they pass.
        progress: Called with done and total rows.

    Returns:
        The `predict` signature's arrays, the quality flags of each row, and why rows
        failed.

    Raises:
        DataError: If the rows lie on another grid than the model's.
    """
    found, done = [], 0
    for block in source.blocks(BLOCK):
        check_grids(predictor.manifest, block.axes, source.name)
        found.append(_around_faults(predictor, block, refine, drift))
        done += len(block)
        if progress:
            progress(done, len(source))
    outputs, flags, reasons = zip(*found, strict=True)
    joined = {name: np.concatenate([o[name] for o in outputs]) for name in outputs[0]}
    told = all(reason is not None for reason in reasons)
    return Scored(
        joined, np.concatenate(flags), np.concatenate(reasons) if told else None
    )


def predict_source(predictor: Predictor, source: Source, **options):
    """Outputs and flags of `score_source`, where it does not matter why rows failed."""
    return score_source(predictor, source, **options)[:2]


def _around_faults(
    predictor: Predictor, block: Sample, refine: bool, drift: DriftWatch | None
) -> Scored:
    """Scores the rows of a block that have no fault."""
    reasons = block.meta.get("fault")
    good = slice(None) if reasons is None else np.flatnonzero(reasons == "")
    if reasons is None or len(good) == len(block):
        return Scored(*_scored(predictor, block.inputs, refine, drift), reasons)
    flags = np.full(len(block), FAILED, "U200")
    outputs = _no_outputs(predictor, len(block))
    if len(good):
        found, told = _scored(predictor, block.take(good).inputs, refine, drift)
        flags[good] = told
        for name, values in found.items():
            outputs[name][good] = values
    return Scored(outputs, flags, reasons)


def _scored(predictor: Predictor, inputs, refine: bool, drift: DriftWatch | None):
    found = predictor.run("predict", inputs)
    if drift is not None:
        drift.add(inputs, found)
    if refine:
        found = refined_outputs(predictor, inputs, found)
    task = predictor.manifest["task"]
    found = found | catalog.agreement(task, inputs, found)
    return found, row_flags(task, inputs, found)


def _no_outputs(predictor: Predictor, rows: int) -> dict[str, np.ndarray]:
    """Outputs of rows without any result."""
    manifest = predictor.manifest
    shapes = {
        name: tuple(spec["shape"][1:])
        for name, spec in manifest["signatures"]["predict"]["outputs"].items()
    } | {name: () for name in catalog.agreement_terms(manifest["task"])}
    return {name: np.full((rows, *s), np.nan, "float32") for name, s in shapes.items()}

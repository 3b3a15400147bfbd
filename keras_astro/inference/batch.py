"""Whole sources through a predictor, block by block."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keras_astro.data.sample import Source
from keras_astro.inference.drift import DriftWatch
from keras_astro.inference.flags import row_flags
from keras_astro.inference.grids import check_grids
from keras_astro.inference.predictor import Predictor
from keras_astro.inference.refinement import refined_outputs

BLOCK = 512


def predict_source(
    predictor: Predictor,
    source: Source,
    *,
    refine: bool = False,
    drift: DriftWatch | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores all rows of a source; only a block of them is in memory at a time.

    Args:
        predictor: A loaded model.
        source: The rows.
        refine: Whether to refine the latents of each row, see `refinement`.
        drift: Told of all rows as they pass.
        progress: Called with done and total rows.

    Returns:
        The `predict` signature's arrays, and the quality flags of each row.

    Raises:
        DataError: If the rows lie on another grid than the model's.
    """
    outputs, flags, done = [], [], 0
    for block in source.blocks(BLOCK):
        check_grids(predictor.manifest, block.axes, source.name)
        found = predictor.run("predict", block.inputs)
        if drift is not None:
            drift.add(block.inputs, found)
        if refine:
            found = refined_outputs(predictor, block.inputs, found)
        outputs.append(found)
        flags.append(row_flags(predictor.manifest["task"], block.inputs, found))
        done += len(block)
        if progress:
            progress(done, len(source))
    joined = {name: np.concatenate([o[name] for o in outputs]) for name in outputs[0]}
    return joined, np.concatenate(flags)

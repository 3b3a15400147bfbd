"""What a training would do: rows, sizes, steps and memory, before any is spent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_astro.config import RunConfig
from keras_astro.data.sample import Source, Subset
from keras_astro.tasks.base import Parts, Stage, Task
from keras_astro.training.train import make_parts, make_split, row_facts

# Enough rows to fit every preprocessing step, few enough to be read in a moment.
SKETCH_ROWS = 500


def plan(task: Task, config: RunConfig, source: Source) -> dict[str, Any]:
    """Builds a task's models on a few rows and counts what all rows would take.

    Args:
        task: The science case.
        config: Its settings.
        source: All rows.

    Returns:
        `rows` of each part, and for each stage its parameters, input shape, rows,
        steps and megabytes of cached features.

    Raises:
        DataError: If the data is too small to be divided.
    """
    ids, groups, anomalous = row_facts(source)
    split = make_split(groups, anomalous, config.data, seed=config.seed, ids=ids)
    parts = make_parts(source, split)
    counts = {name: len(getattr(parts, name)) for name in Parts.__annotations__}
    rows = task.stage_rows(config, counts["train"])
    return {
        "rows": counts,
        "stages": {
            stage.name: _stage(stage, rows[stage.name])
            for stage in sketched_stages(task, config, parts)
        },
    }


def sketched_stages(task: Task, config: RunConfig, parts: Parts) -> Iterable[Stage]:
    """A task's stages as they would be trained, but on a few rows.

    Args:
        task: The science case.
        config: Its settings.
        parts: All rows.
    """
    few = {}
    for name in Parts.__annotations__:
        rows = getattr(parts, name)
        few[name] = Subset(rows, np.arange(min(len(rows), SKETCH_ROWS)))
    sketch = task.sketch(config)
    return task.stages(sketch, task.prepare(sketch, Parts(**few)))


def _stage(stage: Stage, rows: int) -> dict[str, Any]:
    steps = -(-rows // stage.batch_size)
    arrays = stage.input_arrays.values()
    row_bytes = sum(array[:1].nbytes for array in arrays)
    return {
        "parameters": stage.model.count_params(),
        "input": " ".join("x".join(map(str, array.shape[1:])) for array in arrays),
        "rows": rows,
        "epochs": stage.epochs,
        "steps": steps * stage.epochs,
        "features_mb": round(rows * row_bytes / 1e6, 1),
    }

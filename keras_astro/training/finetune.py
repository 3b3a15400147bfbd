"""A new run from a finished one: the same model, moved to observed rows."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np

from keras_astro.data.sample import Sample, Source, WithoutTargets
from keras_astro.errors import DataError
from keras_astro.tasks.base import Task
from keras_astro.training.files import write_json
from keras_astro.training.fit import Progress
from keras_astro.training.run import Run
from keras_astro.training.strategy import Team
from keras_astro.training.train import (
    finish,
    fit_stages,
    load_or_make_split,
    make_parts,
)

MINIMUM_OBSERVED = 40
# In the run folder: the objects of the rows whose labels were used.
LABELLED = "labelled.json"


def finetune(
    task: Task,
    parent: Run,
    run: Run,
    *,
    source: Source,
    observed: Source,
    labelled: Sample | None = None,
    progress: Progress | None = None,
) -> keras.Model:
    """Moves a finished run to observed rows, without their labels.

    Continues from checkpoints where there are any, as `train` does.

    Args:
        task: The science case of both runs.
        parent: A finished run; it is not changed.
        run: The new run folder with its configuration.
        source: All rows of the parent run.
        observed: Rows to adapt to; whatever labels they have are not looked at.
        labelled: A handful of observed rows whose labels are to be used; the run
            keeps the names of their objects.
        progress: Called at each epoch's end.

    Returns:
        The full model, also saved as `model.keras`; its manifest names the parent.

    Raises:
        UsageError: If the case has no fine-tuning.
        DataError: If there are too few observed rows, or the parent's data changed.
    """
    if len(observed) < MINIMUM_OBSERVED:
        raise DataError(
            f"{observed.name}: expected at least {MINIMUM_OBSERVED} observed rows, "
            f"found {len(observed)}",
            hint="Name more files; --data can be repeated.",
        )
    config = run.config
    keras.utils.set_random_seed(config.seed)
    if run.finished:
        return run.load_model()
    parent.split.save(run.path / "split.json")
    parts = make_parts(source, load_or_make_split(source, run, config))
    adaptation = task.adaptation(
        config, parent.load_model(), parts, WithoutTargets(observed), labelled
    )
    if labelled is not None:
        objects = np.unique(labelled.meta["group"]).astype(str).tolist()
        write_json(run.path / LABELLED, {"groups": objects})
    # Its losses compare the rows of a batch with each other: a part would not do.
    models = fit_stages(adaptation.stages(), run, progress=progress, team=Team())
    model = adaptation.assemble(models)
    facts, codes = adaptation.summary()
    np.savez_compressed(run.path / "domains.npz", **codes)
    write_json(run.path / "adaptation.json", facts)
    axes = parts.train.read(0, 1).axes
    finish(
        task,
        model,
        run,
        axes=axes,
        parent=identity(parent) | facts,
        preparation=observed.preparation,
    )
    return model


def labelled_groups(folder: Path) -> list[str]:
    """Objects whose labels a run was fine-tuned on; none of a run that was trained."""
    file = folder / LABELLED
    return json.loads(file.read_text())["groups"] if file.is_file() else []


def identity(run: Run) -> dict[str, str]:
    """Name and hashes by which a run is known.

    Raises:
        ArtefactError: If the run has not ended.
    """
    manifest = json.loads((run.path / "manifest.json").read_text())
    return {
        "name": manifest["name"],
        "model_sha256": manifest["model_sha256"],
        "run_sha256": manifest["run_sha256"],
    }

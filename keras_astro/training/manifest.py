"""What a trained model says of itself; travels with the run and every export."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_astro import __version__
from keras_astro.inference.codes import pack_codes
from keras_astro.inference.grids import describe_grids
from keras_astro.inference.hashes import sha256
from keras_astro.inference.manifest import VERSION
from keras_astro.tasks.base import Task
from keras_astro.training.files import write_json


def build_manifest(
    task: Task,
    model: keras.Model,
    *,
    name: str,
    model_file: Path,
    config_digest: str,
    axes: Mapping[str, np.ndarray],
    parent: Mapping[str, Any] | None = None,
    preparation: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Signatures with shapes, units and descriptions, grids, calibration, hashes.

    Args:
        task: The science case.
        model: The full model.
        name: Of the run.
        model_file: Whose hash is recorded.
        config_digest: Hash of the settings.
        axes: Coordinates that all rows share, by name, e.g. `wavelength`.
        parent: Of a fine-tuned model, the run that it was before and what was done.
        preparation: Steps that made its rows from observed ones.
    """
    signatures, starts = {}, task.starts(model)
    for signature, endpoint in task.endpoints(model).items():
        signatures[signature] = {
            "inputs": {k: _spec(task, k, v) for k, v in endpoint.input.items()},
            "outputs": {k: _spec(task, k, v) for k, v in endpoint.output.items()},
        }
    return {
        "schema_version": VERSION,
        "task": task.name,
        "name": name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "kastro_version": __version__,
        "model_sha256": sha256(model_file),
        "run_sha256": config_digest,
        "signatures": signatures,
        "grids": describe_grids(axes),
        "calibration": task.calibration(model),
        "classes": list(task.classes),
        "parameters": int(sum(np.prod(w.shape) for w in model.weights)),
        "quantization": "none",
        "metrics": {},
        **({} if starts is None else {"starts": pack_codes(starts)}),
        **({"parent": dict(parent)} if parent else {}),
        **({"preparation": list(preparation)} if preparation else {}),
    }


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Writes `manifest.json` into a run folder."""
    write_json(folder / "manifest.json", manifest)


def _spec(task: Task, name: str, tensor) -> dict[str, Any]:
    units, description = task.terms[name]
    spec = {
        "shape": list(tensor.shape),
        "dtype": str(tensor.dtype),
        "units": units,
        "description": description,
    }
    field = task.schema.group("inputs").get(name)
    if field is not None and field.fill is not None:
        spec["fill"] = field.fill
    return spec

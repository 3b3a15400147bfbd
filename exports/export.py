"""From a run to a verified artefact, or to nothing."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_astro.data.sample import Source, Subset
from keras_astro.errors import DataError
from keras_astro.exports.card import model_card
from keras_astro.exports.integer_shares import shares
from keras_astro.exports.integers import check_rows
from keras_astro.exports.onnx import convert_onnx
from keras_astro.exports.profiles import Profile, profile
from keras_astro.exports.saved_model import write_saved_model
from keras_astro.exports.serving_files import write_around, write_warm_up
from keras_astro.exports.staging import VERIFICATION, refuse_existing, staged
from keras_astro.exports.tflite import CALIBRATION_ROWS, append_files, convert
from keras_astro.exports.verify import files_of, verify, write_verification
from keras_astro.inference.hashes import hashes_below
from keras_astro.inference.held_out import held_out_rows, model_inputs, reference_of
from keras_astro.inference.manifest import from_run
from keras_astro.inference.onnx_file import append_manifest
from keras_astro.tasks.base import Parts
from keras_astro.tasks.catalog import get_task, model_rows
from keras_astro.training.run import Run


@dataclass
class ExportResult:
    """A verified artefact.

    Args:
        path: The file or SavedModel folder.
        size_bytes: All of its files.
        verification: What was measured.
    """

    path: Path
    size_bytes: int
    verification: dict[str, Any]


def export_run(
    run: Run,
    calibration: Source,
    held_out: Source,
    *,
    validation: Source | None = None,
    fmt: str,
    quantize: str | None = None,
    out_dir: Path | None = None,
    overwrite: bool = False,
    story: Callable[[str], None],
) -> ExportResult:
    """Exports a run's model and verifies the artefact before it appears.

    Args:
        run: A finished run.
        calibration: Normal rows that trained nothing, on which int8 rounds its weights.
        held_out: Rows to verify on; where their truth is known, the loss of the task's
            figures of merit is measured too.
        validation: Further normal rows that moved no weight; with those of
            `calibration` they are what later rows are compared with, see `drift`.
        fmt: `saved_model`, `tflite` or `onnx`.
        quantize: Numeric type; the format's default when None.
        out_dir: Where to; `exports/<format>-<type>` in the run folder when None.
        overwrite: Whether an existing artefact may be replaced.
        story: Told what happens, a sentence at a time.

    Raises:
        ArtefactError: If the run is not finished or damaged.
        DataError: If int8 has too few rows of `calibration`.
        UsageError: If the artefact exists, or the combination is not offered.
        VerificationError: If the artefact does not reproduce the model; none is left.
    """
    chosen = profile(fmt, quantize)
    folder = out_dir or run.path / "exports" / f"{fmt}-{chosen.quantize}"
    refuse_existing(folder, overwrite=overwrite)
    manifest = from_run(run.path)
    task = get_task(run.config.task)
    endpoints = task.endpoints(run.load_model())
    inputs = manifest["signatures"]["predict"]["inputs"]
    sample = held_out_rows(model_rows(held_out, manifest))
    calibration = model_rows(calibration, manifest)
    normal = [calibration]
    if validation is not None:
        normal.append(model_rows(validation, manifest))
    rows = model_inputs(sample, inputs)
    rows |= latents(endpoints, rows)
    fitted = _rows_to_round(endpoints, chosen, calibration, inputs)
    for name in chosen.left_out:
        endpoints.pop(name, None)
    expected = keras_outputs(endpoints, rows)
    manifest |= {
        "quantization": chosen.quantize,
        # Paths say where rows lay on one machine, which is of no use on another.
        "settings": run.config.model_dump(mode="json", exclude={"data": {"paths"}}),
        "signatures": {name: manifest["signatures"][name] for name in endpoints},
        "reference": reference_of(_caller(endpoints["predict"]), normal, manifest),
    }
    with staged(folder) as staging:
        story(f"converting {run.path} to {fmt} ({chosen.quantize})")
        if chosen.fmt == "saved_model":
            artefact = _write_saved_model(staging, endpoints, manifest, rows)
        elif chosen.fmt == "onnx":
            artefact = _write_onnx(staging, endpoints, manifest)
        else:
            artefact = _write_tflite(
                staging, endpoints, chosen, manifest, fitted, task.merit
            )
        story(f"verifying on {len(sample)} held-out rows in a fresh process")
        found = verify(
            artefact,
            chosen,
            rows=rows,
            expected=expected,
            merit=functools.partial(task.merit, sample.targets),
            parameters=manifest["parameters"],
        ) | _integers(artefact, chosen)
        write_verification(staging / VERIFICATION, found)
        size = sum(p.stat().st_size for p in files_of(artefact))
    return ExportResult(folder / artefact.relative_to(staging), size, found)


def rows_to_verify(parts: Parts) -> Source:
    """Rows of a split to verify an export on: they moved no weight, nor rounded any.

    They are the test rows. A split without any has calibration rows behind those on
    which int8 rounds its weights, and validation rows: the more of them.

    Raises:
        DataError: If there are none.
    """
    if len(parts.test):
        return parts.test
    behind = range(CALIBRATION_ROWS, len(parts.calibration))
    found = max(Subset(parts.calibration, behind), parts.validation, key=len)
    if not len(found):
        raise DataError(
            "expected rows to verify the export on, found none that the run held back",
            hint="Name some with --data.",
        )
    return found


def _rows_to_round(endpoints, chosen: Profile, calibration: Source, inputs):
    if chosen.quantize != "int8":
        return {}
    rows = model_inputs(calibration.read(0, CALIBRATION_ROWS), inputs)
    check_rows(rows)
    return rows | latents(endpoints, rows)


def _caller(endpoint: keras.Model):
    return functools.partial(endpoint.predict, verbose=0, batch_size=64)


def latents(endpoints, rows) -> dict[str, np.ndarray]:
    """The codes of rows, where a signature takes codes."""
    if "decode" not in endpoints:
        return {}
    encode = endpoints["encode"]
    return {"z": encode.predict({k: rows[k] for k in encode.input}, verbose=0)["z"]}


def keras_outputs(endpoints, rows) -> dict[str, np.ndarray]:
    """What every signature of the Keras model gives, as `signature/output`."""
    results = {}
    for name, endpoint in endpoints.items():
        found = endpoint.predict(
            {k: rows[k] for k in endpoint.input}, verbose=0, batch_size=64
        )
        results |= {f"{name}/{key}": value for key, value in found.items()}
    return results


def _write_saved_model(staging, endpoints, manifest, rows) -> Path:
    name, signatures = manifest["task"], manifest["signatures"]
    version = staging / name / "1"
    write_saved_model(endpoints, version)
    write_warm_up(version, name, signatures, rows)
    write_around(staging, name, endpoints, rows)
    manifest = manifest | {"files_sha256": hashes_below(version)}
    extra = version / "assets.extra"
    (extra / "manifest.json").write_text(json.dumps(manifest, indent=1))
    (extra / "card.md").write_text(model_card(manifest))
    return staging / name


def _write_tflite(staging, endpoints, chosen: Profile, manifest, fitted, merit) -> Path:
    path = staging / f"{manifest['task']}-{chosen.quantize}.tflite"
    options = {"quantize": chosen.quantize, "rows": fitted, "merit": merit}
    path.write_bytes(convert(endpoints, **options))
    manifest = manifest | _integers(path, chosen)
    append_files(path, manifest, model_card(manifest))
    return path


def _integers(path: Path, chosen: Profile) -> dict[str, dict[str, float]]:
    if chosen.quantize != "int8":
        return {}
    return {"integers": shares(path.read_bytes())}


def _write_onnx(staging, endpoints, manifest) -> Path:
    path = staging / f"{manifest['task']}.onnx"
    path.write_bytes(convert_onnx(endpoints["predict"]))
    append_manifest(path, manifest, model_card(manifest))
    return path

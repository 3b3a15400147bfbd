"""What an artefact says of itself, read without TensorFlow."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from keras_astro.errors import ArtefactError
from keras_astro.inference.hashes import sha256
from keras_astro.inference.onnx_file import embedded

VERSION = 1
NAME = "manifest.json"
MODEL = "model.keras"


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a run folder, a SavedModel, a `.tflite` or an `.onnx` file.

    The files are checked against the hashes that it holds; no model is loaded.

    Raises:
        ArtefactError: If the path is absent or none of these, or is damaged.
    """
    kind, place = locate(path)
    readers = {
        "tflite": from_tflite,
        "onnx": from_onnx,
        "run": from_run,
        "saved_model": from_saved_model,
    }
    return readers[kind](place)


def caveat(manifest: dict[str, Any]) -> str:
    """What must be said wherever a fine-tuned model's intervals are shown.

    Empty for models whose intervals were calibrated on rows of their own domain.

    Example:
        >>> caveat({"parent": {"intervals": "not calibrated"}, "metrics": {}})
        'Intervals not calibrated; their coverage is not known'
        >>> caveat({"metrics": {}})
        ''
    """
    said = manifest.get("parent", {}).get("intervals", "")
    if not said:
        return ""
    metrics = manifest["metrics"]
    if "coverage_68" not in metrics:
        return f"Intervals {said}; their coverage is not known"
    held = [100 * metrics[f"coverage_{level}"]["value"] for level in (68, 95)]
    return (
        f"Intervals {said}; those of 68 % held {held[0]:.1f} % and those of 95 % "
        f"held {held[1]:.1f} % of the truths where it was measured"
    )


def locate(path: Path) -> tuple[str, Path]:
    """What a path is (`tflite`, `onnx`, `run` or `saved_model`), and where it lies.

    Raises:
        ArtefactError: If it is absent or none of these.
    """
    if not path.exists():
        raise ArtefactError(
            f"{path}: no such run or artefact",
            hint="List runs with kastro runs list, presets with kastro tasks.",
        )
    if path.is_file() and path.suffix in (".tflite", ".onnx"):
        return path.suffix[1:], path
    if (path / "config.yaml").is_file():
        return "run", path
    folder = saved_model_folder(path)
    if folder is not None:
        return "saved_model", folder
    raise ArtefactError(
        f"{path}: expected a run folder, a SavedModel, a .tflite or .onnx file",
        hint="List runs with kastro runs list; export one with kastro export.",
    )


def saved_model_folder(path: Path) -> Path | None:
    """The newest version folder of a SavedModel, or None."""
    if (path / "saved_model.pb").is_file():
        return path
    versions = [p for p in path.glob("*/saved_model.pb") if p.parent.name.isdigit()]
    return max((p.parent for p in versions), key=lambda p: int(p.name), default=None)


def from_tflite(path: Path) -> dict[str, Any]:
    """The manifest in the zip that is appended to a `.tflite` file.

    Raises:
        ArtefactError: If the file is truncated or altered, or was not exported by this
            package.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = check(json.loads(archive.read(NAME)), path)
            end = min(entry.header_offset for entry in archive.infolist())
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, OSError) as error:
        raise ArtefactError(
            f"{path}: expected a TFLite file with {NAME} inside, found none",
            hint="It is truncated, or was not made by kastro export: export it again.",
        ) from error
    # The runtime would compute with damaged weights and say nothing.
    with path.open("rb") as file:
        found = hashlib.sha256(file.read(end)).hexdigest()
    if found != manifest.get("content_sha256", found):
        raise ArtefactError(
            f"{path}: the model is not the one that was exported, its hash differs",
            hint="The file is damaged: copy or export it again.",
        )
    return manifest


def from_onnx(path: Path) -> dict[str, Any]:
    """The manifest among the properties of an `.onnx` file.

    Raises:
        ArtefactError: If the file is truncated or altered, or was not exported by this
            package.
    """
    return check(embedded(path), path)


def finishing_command(run: Path) -> str:
    """The command that finishes a run folder.

    Only fine-tuning writes a parent's hash into settings.
    """
    config = run / "config.yaml"
    text = config.read_text("utf-8") if config.is_file() else ""
    if re.search(r"^  parent_sha256: '?[0-9a-f]{64}", text, re.MULTILINE):
        return "the kastro finetune command that began it, and --resume"
    return f"kastro train {config} --resume -o {run}"


def from_run(path: Path) -> dict[str, Any]:
    """The manifest of a finished run folder.

    Raises:
        ArtefactError: If the run is not finished, or its manifest is damaged.
    """
    file, model = path / NAME, path / MODEL
    if not model.is_file() or not file.is_file():
        raise ArtefactError(
            f"{path}: training is not finished",
            hint=f"Finish it with: {finishing_command(path)}",
        )
    try:
        manifest = check(json.loads(file.read_text()), path)
        manifest |= _measured(path)
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{file}: expected a manifest, found none that can be read",
            hint="Copy the run again, or train it again.",
        ) from error
    if sha256(model) != manifest["model_sha256"]:
        raise ArtefactError(
            f"{model}: is not the model that {NAME} describes, its hash differs",
            hint="The file is damaged: train or copy it again.",
        )
    return manifest


def _measured(run: Path) -> dict[str, Any]:
    """What `evaluate` measured; no figures where it has not been called."""
    found = {"metrics": {}}
    for name in ("metrics", "reference"):
        file = run / f"{name}.json"
        if file.is_file():
            found[name] = json.loads(file.read_text())
    return found


def from_saved_model(path: Path) -> dict[str, Any]:
    """The manifest in the extra assets of a SavedModel version folder.

    Raises:
        ArtefactError: If there is none, or a file is not the one that was exported.
    """
    file = path / "assets.extra" / NAME
    try:
        manifest = check(json.loads(file.read_text()), path)
        hashes = manifest["files_sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise ArtefactError(
            f"{path}: expected assets.extra/{NAME}, found none that can be read",
            hint="Only SavedModels made by kastro export can be used here.",
        ) from error
    for name, wanted in hashes.items():
        part = path / name
        if not part.is_file() or sha256(part) != wanted:
            raise ArtefactError(
                f"{part}: is absent or not the file that was exported: its hash "
                "differs",
                hint="The artefact is damaged: copy or export it again.",
            )
    return manifest


def check(manifest: dict[str, Any], path: Path) -> dict[str, Any]:
    """Refuses a manifest of another version.

    Raises:
        ArtefactError: If its version is unknown.
        ValueError: If it is no manifest at all.
    """
    if not isinstance(manifest, dict):
        raise ValueError("not a mapping")
    found = manifest.get("schema_version")
    if found != VERSION:
        raise ArtefactError(
            f"{path}: expected manifest version {VERSION}, found {found}",
            hint="Install the keras-astro version that exported it.",
        )
    return manifest

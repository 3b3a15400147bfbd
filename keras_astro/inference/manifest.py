"""What an artefact says of itself, read without TensorFlow."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

from keras_astro.errors import ArtefactError

VERSION = 1
NAME = "manifest.json"


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


def from_run(path: Path) -> dict[str, Any]:
    """The manifest of a finished run folder.

    Raises:
        ArtefactError: If the run is not finished, or its manifest is damaged.
    """
    file = path / NAME
    if not (path / "model.keras").is_file() or not file.is_file():
        raise ArtefactError(
            f"{path}: training is not finished",
            hint=f"Continue with: kastro train --resume -o {path}",
        )
    try:
        return check(json.loads(file.read_text()), path)
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{file}: expected a manifest, found none that can be read",
            hint="Copy the run again, or train it again.",
        ) from error


def from_saved_model(path: Path) -> dict[str, Any]:
    """The manifest in the extra assets of a SavedModel version folder.

    Raises:
        ArtefactError: If there is none.
    """
    file = path / "assets.extra" / NAME
    try:
        return check(json.loads(file.read_text()), path)
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{path}: expected assets.extra/{NAME}, found none that can be read",
            hint="Only SavedModels made by kastro export can be used here.",
        ) from error


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

"""What an artefact says of itself, read without TensorFlow."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from keras_astro.errors import ArtefactError

VERSION = 1
NAME = "manifest.json"


def from_tflite(path: Path) -> dict[str, Any]:
    """The manifest in the zip that is appended to a `.tflite` file.

    Raises:
        ArtefactError: If the file is truncated, or was not exported by this package.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return check(json.loads(archive.read(NAME)), path)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ArtefactError(
            f"{path}: expected a TFLite file with {NAME} inside, found none",
            hint="It is truncated, or was not made by kastro export: export it again.",
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
    """
    found = manifest.get("schema_version")
    if found != VERSION:
        raise ArtefactError(
            f"{path}: expected manifest version {VERSION}, found {found}",
            hint="Install the keras-astro version that exported it.",
        )
    return manifest

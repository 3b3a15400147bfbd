"""Saving and loading full models, atomically and with every class registered."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import keras

from keras_astro import __version__
from keras_astro.errors import ArtefactError, DataError
from keras_astro.registry import PACKAGE, load_all, registered


def save_model(model: keras.Model, path: Path) -> None:
    """Writes a `.keras` file; a kill or a full disk leaves the old one.

    Raises:
        DataError: If the disk refuses.
    """
    partial = path.with_name(f"partial-{path.name}")
    try:
        model.save(partial)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error})",
            hint="Free disk space or choose another folder with -o.",
        ) from error


def load_model(path: Path) -> keras.Model:
    """Reads a `.keras` file written by this package.

    Raises:
        ArtefactError: If the file is damaged, or holds classes that this version does
            not have.
    """
    load_all()
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError, BadZipFile) as error:
        unknown = _unknown_classes(path)
        if unknown:
            raise ArtefactError(
                f"{path}: expected layers of keras-astro {__version__}, found "
                f"{', '.join(unknown)}, with which another version built this network",
                hint=_remedy(path),
            ) from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        hint = "The file may be truncated: train or copy it again."
        if isinstance(error, (ValueError, TypeError)) and _readable(path):
            # A layer may keep its name and change its arguments or weights.
            hint = f"Another version may have built it. {_remedy(path)}"
        raise ArtefactError(
            f"{path}: not a model of this package ({reason})", hint=hint
        ) from error


def _remedy(path: Path) -> str:
    config = path.with_name("config.yaml")
    if not config.is_file():
        return "Use the version that made it, or train again."
    # Only `kastro finetune` writes one; its settings would train another network.
    if path.with_name("adaptation.json").is_file():
        return (
            "Train its parent again, and fine-tune that on the same data: "
            "kastro finetune NEW_PARENT --data OBSERVED -o NEW_FOLDER"
        )
    return f"Train it again on its settings: kastro train {config} -o NEW_FOLDER"


def _readable(path: Path) -> bool:
    """Whether every part of the file is whole."""
    try:
        with ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, BadZipFile, zlib.error):
        return False


def _unknown_classes(path: Path) -> list[str]:
    """Classes of this package that a file names and this version does not have."""
    try:
        with ZipFile(path) as archive:
            content = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, BadZipFile):
        return []
    start = f"{PACKAGE}>"
    named = {n.removeprefix(start) for n in _names(content) if n.startswith(start)}
    return sorted(named - registered().keys())


def _names(content: Any) -> Iterator[str]:
    """Every registered name in a model's description."""
    if isinstance(content, dict):
        name = content.get("registered_name")
        if isinstance(name, str):
            yield name
        content = list(content.values())
    if isinstance(content, list):
        for entry in content:
            yield from _names(entry)

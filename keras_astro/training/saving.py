"""Saving and loading full models, atomically and with every class registered."""

from __future__ import annotations

import os
from pathlib import Path
from zipfile import BadZipFile

import keras

from keras_astro.errors import ArtefactError, DataError
from keras_astro.registry import load_all


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
        ArtefactError: If the file is damaged or holds unknown classes.
    """
    load_all()
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError, BadZipFile) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ArtefactError(
            f"{path}: not a model of this package ({reason})",
            hint="The file may be truncated: train or copy it again.",
        ) from error

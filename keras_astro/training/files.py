"""Writing small files so that a kill leaves the old or the new one, never half."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from keras_astro.errors import DataError


def write_text(path: Path, text: str) -> None:
    """Replaces a text file atomically.

    Raises:
        DataError: If the disk refuses, e.g. because it is full; the old file stays.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(
            f"{path}: cannot be written ({error.strerror})",
            hint="Free disk space or choose another folder with -o.",
        ) from error


def check_room(path: Path, size: int) -> None:
    """Refuses a disk that cannot take a file, before a library starts to write it.

    HDF5 cannot close a file that it failed to write: the process would end in a crash.

    Args:
        path: Where to try; nothing is left there.
        size: Bytes.

    Raises:
        OSError: If the disk, a quota or a limit of the process refuses.
    """
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    finally:
        path.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Replaces a JSON file atomically; non-finite numbers are refused."""
    write_text(path, json.dumps(content, indent=1, sort_keys=True, allow_nan=False))

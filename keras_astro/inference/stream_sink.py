"""Where a stream's rows go: lines of JSON, and a dead-letter file for the rest."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_astro.errors import DataError

ROWS = "alerts.jsonl"
REJECTED = "rejected.jsonl"


class JsonLinesSink:
    """Appends rows and rejected packets to two files of a folder.

    Args:
        folder: Made where it is absent; files in it are continued.

    Raises:
        DataError: If the disk refuses.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._files = {
                name: whole_lines(folder / name) for name in (ROWS, REJECTED)
            }
        except OSError as error:
            raise _refused(folder, error) from error

    def write(
        self,
        rows: Sequence[Mapping[str, Any]],
        rejected: Sequence[tuple[str, str, bytes]],
    ) -> None:
        """Appends rows, and rejected packets as `(name, reason, bytes)`; then syncs."""
        lines = {
            ROWS: [json.dumps(row, allow_nan=False) for row in rows],
            REJECTED: [
                json.dumps(
                    {
                        "packet": name,
                        "reason": reason,
                        "bytes": base64.b64encode(data).decode(),
                    }
                )
                for name, reason, data in rejected
            ],
        }
        try:
            for name, texts in lines.items():
                if texts:
                    file = self._files[name]
                    file.write("".join(f"{text}\n" for text in texts))
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise _refused(self.folder, error) from error

    def close(self) -> None:
        """Closes both files."""
        for file in self._files.values():
            file.close()


def whole_lines(path: Path):
    """Opens a file to append, without the half line that a kill may have left."""
    if path.is_file():
        with path.open("rb+") as file:
            end = file.seek(0, os.SEEK_END)
            while end:
                start = max(end - (1 << 16), 0)
                file.seek(start)
                found = file.read(end - start).rfind(b"\n")
                if found >= 0:
                    end = start + found + 1
                    break
                end = start
            file.truncate(end)
    return path.open("a")


def _refused(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"{folder}: cannot be written ({error.strerror or error})",
        hint="Free disk space or choose another folder with --sink.",
    )

"""Where a stream's rows go: lines of JSON, and a dead-letter file for the rest."""

from __future__ import annotations

import abc
import base64
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_astro.errors import DataError

ROWS = "alerts.jsonl"
REJECTED = "rejected.jsonl"

Row = Mapping[str, Any]
Rejected = tuple[str, str, bytes]


class RowSink(abc.ABC):
    """Takes rows and rejected packets; what was flushed survives a crash."""

    @abc.abstractmethod
    def write(self, rows: Sequence[Row], rejected: Sequence[Rejected]) -> None:
        """Takes rows, and rejected packets as `(name, reason, bytes)`."""

    @property
    def due(self) -> bool:
        """Whether it is time to flush; so after each batch, unless a sink waits."""
        return True

    @abc.abstractmethod
    def flush(self) -> None:
        """Returns when everything that was taken is kept for good."""

    @abc.abstractmethod
    def close(self) -> None:
        """Gives back what is held; what was not flushed may be lost."""


class LinesFile:
    """A file of JSON lines that is continued where it exists.

    Args:
        path: Its folder is made where it is absent.

    Raises:
        DataError: If the disk refuses.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = whole_lines(path)
        except OSError as error:
            raise refused_by_disk(path.parent, error) from error

    def write(self, rows: Iterable[Row]) -> None:
        """Appends a line for each row."""
        try:
            self._file.writelines(json.dumps(r, allow_nan=False) + "\n" for r in rows)
        except OSError as error:
            raise refused_by_disk(self.path.parent, error) from error

    def flush(self) -> None:
        """Brings the lines to the disk."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise refused_by_disk(self.path.parent, error) from error

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class DeadLetters(LinesFile):
    """Rejected packets with their reasons, `rejected.jsonl` of a folder.

    Args:
        folder: Made where it is absent.

    Raises:
        DataError: If the disk refuses.
    """

    def __init__(self, folder: Path):
        super().__init__(folder / REJECTED)

    def take(self, rejected: Sequence[Rejected]) -> None:
        """Appends `(name, reason, bytes)`; then flushes."""
        if rejected:
            self.write(
                {
                    "packet": name,
                    "reason": reason,
                    "bytes": base64.b64encode(data).decode(),
                }
                for name, reason, data in rejected
            )
            self.flush()


class JsonLinesSink(RowSink):
    """Appends rows to `alerts.jsonl` and rejected packets to `rejected.jsonl`.

    Args:
        folder: Made where it is absent; files in it are continued.
        state: Another folder for the rejected packets.

    Raises:
        DataError: If the disk refuses.
    """

    def __init__(self, folder: Path, *, state: Path | None = None):
        self._rows = LinesFile(folder / ROWS)
        self._dead = DeadLetters(state or folder)

    def write(self, rows, rejected):
        self._rows.write(rows)
        self._dead.take(rejected)

    def flush(self):
        self._rows.flush()

    def close(self):
        self._rows.close()
        self._dead.close()


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


def refused_by_disk(folder: Path, error: OSError) -> DataError:
    """The error of a folder that takes no more."""
    return DataError(
        f"{folder}: cannot be written ({error.strerror or error})",
        hint="Free disk space or choose another folder with --sink.",
    )

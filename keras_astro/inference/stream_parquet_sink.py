"""Rows of a stream as Parquet files that are closed now and then."""

from __future__ import annotations

import os
import time
from pathlib import Path

from keras_astro.errors import missing_extra
from keras_astro.inference.stream_sink import (
    DeadLetters,
    Row,
    RowSink,
    refused_by_disk,
)

MOST_ROWS = 20_000
MOST_SECONDS = 60.0


class ParquetSink(RowSink):
    """Writes `alerts-000001.parquet` and so on, each whole as soon as it has its name.

    Rows wait in memory until there are enough of them or the first has waited long
    enough; their packets are confirmed after that, and come again after a kill.

    Args:
        folder: Made where it is absent; files are numbered on.
        state: Another folder for the rejected packets.
        most_rows: Of a file, give or take a batch.
        most_seconds: That a row waits for others.

    Raises:
        MissingExtraError: If pyarrow is not installed.
        DataError: If the disk refuses.
    """

    def __init__(
        self,
        folder: Path,
        *,
        state: Path | None = None,
        most_rows: int = MOST_ROWS,
        most_seconds: float = MOST_SECONDS,
    ):
        try:
            import pyarrow.parquet
        except ImportError as error:
            raise missing_extra(
                "pyarrow", extra="parquet", purpose="Parquet"
            ) from error
        self._arrow = pyarrow
        self.folder = folder
        self.most_rows = most_rows
        self.most_seconds = most_seconds
        self._dead = DeadLetters(state or folder)
        self._rows: list[Row] = []
        self._since: float | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refused_by_disk(folder, error) from error
        self._number = max(map(_number, folder.glob("alerts-*.parquet")), default=0)

    @property
    def due(self):
        if self._since is None:
            return False
        waited = time.monotonic() - self._since
        return len(self._rows) >= self.most_rows or waited >= self.most_seconds

    def write(self, rows, rejected):
        if self._since is None:
            self._since = time.monotonic()
        self._rows += rows
        self._dead.take(rejected)

    def flush(self):
        if self._rows:
            self._number += 1
            try:
                self._store(self.folder / f"alerts-{self._number:06d}.parquet")
            except OSError as error:
                raise refused_by_disk(self.folder, error) from error
            self._rows = []
        self._since = None

    def close(self):
        self._dead.close()

    def _store(self, path: Path) -> None:
        table = self._arrow.Table.from_pylist(self._rows, schema=self._schema())
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            self._arrow.parquet.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _schema(self):
        """Types of the columns, the same in every file: only numbers may be absent."""
        types = {bool: self._arrow.bool_(), str: self._arrow.string()}
        number = self._arrow.float64()
        first = self._rows[0].items()
        return self._arrow.schema([(n, types.get(type(v), number)) for n, v in first])


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("alerts-")
    return int(digits) if digits.isdecimal() else 0

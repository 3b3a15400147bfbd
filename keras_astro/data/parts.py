"""Blocks of rows kept on disk as they are made, so that a kill loses only the last."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_astro.data.sample import GROUPS, Sample, Schema
from keras_astro.errors import DataError, UsageError

FACTS = "facts.json"


class Parts:
    """Numbered blocks in a folder beside the store that they become.

    A block is there whole or not at all: it is written under another name first. As a
    context it takes the folder away at the end, but for blocks that an error leaves.

    Args:
        store: Path of the store.
        facts: What the blocks are a function of: a part made with others is refused.
        schema: Of the rows.
        resume: Whether to go on with what is there, or to begin again.

    Raises:
        UsageError: If what is there was made with other facts.

    Example:
        >>> from keras_astro.data.schemas import LENSING
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "lenses.h5"
        >>> parts = Parts(path, {"seed": 1}, LENSING, resume=True)
        >>> block = Sample(LENSING, {"image": np.ones((2, 4, 4, 1))})
        >>> len(list(parts.kept([block]))), parts.done
        (1, 1)
        >>> len(list(parts.kept([]))), parts.remove()
        (1, None)
    """

    def __init__(
        self, store: Path, facts: Mapping[str, Any], schema: Schema, *, resume: bool
    ):
        self.folder = store.with_name(f".{store.name}.parts")
        self.schema = schema
        if not resume:
            self.remove()
        known = self.folder / FACTS
        if known.is_file():
            found = json.loads(known.read_text())
            differing = sorted(
                k for k in {**found, **facts} if found.get(k) != facts.get(k)
            )
            if differing:
                name = differing[0]
                raise UsageError(
                    f"{store}: was begun with {name} = {found.get(name)}, found "
                    f"{facts.get(name)}",
                    hint="Go on with the same settings, or begin again without "
                    "--resume.",
                )
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(known, lambda file: file.write(json.dumps(facts).encode()))

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, kind, error, trace) -> None:
        if error is None or not self.done:
            self.remove()

    @property
    def done(self) -> int:
        """Blocks that are there, from the first on."""
        count = 0
        while self._path(count).is_file():
            count += 1
        return count

    def kept(self, further: Iterable[Sample]) -> Iterator[Sample]:
        """The blocks that are there, then further ones, each kept before it is given.

        Raises:
            DataError: If a block is damaged.
        """
        done = self.done
        for number in range(done):
            yield self._read(self._path(number))
        for number, block in enumerate(further, done):
            self._keep(self._path(number), block)
            yield block

    def remove(self) -> None:
        """Takes the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}.npz"

    def _keep(self, path: Path, block: Sample) -> None:
        arrays = {
            f"{group}/{name}": np.asarray(array)
            for group in (*GROUPS, "axes")
            for name, array in getattr(block, group).items()
        }
        self._write(path, lambda file: np.savez(file, **arrays))

    def _write(self, path: Path, write) -> None:
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)

    def _read(self, path: Path) -> Sample:
        groups: dict[str, dict[str, np.ndarray]] = {g: {} for g in (*GROUPS, "axes")}
        try:
            with np.load(path, allow_pickle=False) as found:
                for key in found.files:
                    group, _, name = key.partition("/")
                    groups[group][name] = found[key]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{path}: expected a block of rows, found a damaged file",
                hint="Begin again without --resume.",
            ) from error
        return Sample(self.schema, **groups)

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


def parts_folder(path: Path) -> Path:
    """Where the parts of a file are kept until it is there."""
    return path.with_name(f".{path.name}.parts")


class ArrayParts:
    """Numbered groups of named arrays in a folder beside the file that they become.

    A part is there whole or not at all: it is written under another name first. As a
    context it takes the folder away at the end, but for parts that an error leaves.

    Args:
        path: Of the file that they become.
        facts: What the parts are a function of: one made with others is refused.
        resume: Whether to go on with what is there, or to begin again.

    Raises:
        UsageError: If what is there was made with other facts.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "scores.csv"
        >>> parts = ArrayParts(path, {"model": "a"}, resume=True)
        >>> parts.keep(3, {"score": np.ones(2)})
        >>> parts.has(3), parts.read(3)["score"].tolist(), parts.remove()
        (True, [1.0, 1.0], None)
    """

    def __init__(self, path: Path, facts: Mapping[str, Any], *, resume: bool):
        self.folder = parts_folder(path)
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
                    f"{path}: was begun with {name} = {found.get(name)}, found "
                    f"{facts.get(name)}",
                    hint="Go on with the same settings, or begin again without "
                    "--resume.",
                )
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(known, lambda file: file.write(json.dumps(facts).encode()))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace) -> None:
        if error is None or not any(self.folder.glob("*.npz")):
            self.remove()

    def has(self, number: int) -> bool:
        """Whether a part is there."""
        return self._path(number).is_file()

    def keep(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Writes a part."""
        self._write(self._path(number), lambda file: np.savez(file, **arrays))

    def read(self, number: int) -> dict[str, np.ndarray]:
        """The arrays of a part.

        Raises:
            DataError: If it is damaged.
        """
        path = self._path(number)
        try:
            with np.load(path, allow_pickle=False) as found:
                return {key: found[key] for key in found.files}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{path}: expected a block of rows, found a damaged file",
                hint="Begin again without --resume.",
            ) from error

    def remove(self) -> None:
        """Takes the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}.npz"

    def _write(self, path: Path, write) -> None:
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)


class Parts(ArrayParts):
    """Blocks of rows, kept one after the other.

    Args:
        store: Path of the store that they become.
        facts: As for `ArrayParts`.
        schema: Of the rows.
        resume: As for `ArrayParts`.

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
        self.schema = schema
        super().__init__(store, facts, resume=resume)

    @property
    def done(self) -> int:
        """Blocks that are there, from the first on."""
        count = 0
        while self.has(count):
            count += 1
        return count

    def kept(self, further: Iterable[Sample]) -> Iterator[Sample]:
        """The blocks that are there, then further ones, each kept before it is given.

        Raises:
            DataError: If a block is damaged.
        """
        done = self.done
        for number in range(done):
            groups: dict[str, dict] = {group: {} for group in (*GROUPS, "axes")}
            for key, array in self.read(number).items():
                group, _, name = key.partition("/")
                groups[group][name] = array
            yield Sample(self.schema, **groups)
        for number, block in enumerate(further, done):
            arrays = {
                f"{group}/{name}": np.asarray(array)
                for group in (*GROUPS, "axes")
                for name, array in getattr(block, group).items()
            }
            self.keep(number, arrays)
            yield block

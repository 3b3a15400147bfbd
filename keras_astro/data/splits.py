"""Splits by object: a lens, a star or an atmosphere is never on both sides."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_astro.errors import ArtefactError, DataError

VERSION = 1


@dataclass(frozen=True)
class Split:
    """Row indices of each part, and a fingerprint of the rows they were made for.

    Args:
        indices: Sorted row indices by part.
        seed: The seed it was drawn with.
        rows_sha256: Hash of the row ids in order.
    """

    indices: Mapping[str, np.ndarray]
    seed: int
    rows_sha256: str

    def leaked_fraction(self, groups: np.ndarray) -> float:
        """Fraction of rows outside `train` whose group is also in `train`.

        Args:
            groups: Group of each row, `(row,)`.
        """
        groups = np.asarray(groups)
        others = [v for name, v in self.indices.items() if name != "train"]
        held = np.concatenate([*others, np.empty(0, int)])
        if not len(held):
            return 0.0
        return float(np.mean(np.isin(groups[held], groups[self.indices["train"]])))

    def check_ids(self, ids: np.ndarray) -> None:
        """Refuses data that is not what the split was made for.

        Raises:
            DataError: If ids differ in number, name or order.
        """
        if fingerprint(ids) != self.rows_sha256:
            raise DataError(
                f"the data changed since the split was made: {len(ids)} rows found, "
                f"{sum(map(len, self.indices.values()))} expected, or other names",
                hint="Give the data of the run, or start a new run.",
            )

    def save(self, path: Path) -> None:
        """Writes the split as JSON.

        Raises:
            DataError: If the disk refuses, e.g. because it is full; an old file stays.
        """
        content = {
            "version": VERSION,
            "seed": self.seed,
            "rows_sha256": self.rows_sha256,
            "indices": {name: rows.tolist() for name, rows in self.indices.items()},
        }
        partial = path.with_name(path.name + ".partial")
        try:
            partial.write_text(json.dumps(content))
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise DataError(
                f"{path}: cannot be written ({error.strerror})",
                hint="Free disk space or choose another folder with -o.",
            ) from error

    @classmethod
    def load(cls, path: Path) -> Split:
        """Reads a split.

        Raises:
            ArtefactError: If the file is absent or not a split of this version.
        """
        try:
            content = json.loads(path.read_text())
            if content["version"] != VERSION:
                raise KeyError("version")
            indices = {k: np.asarray(v, int) for k, v in content["indices"].items()}
            return cls(indices, content["seed"], content["rows_sha256"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtefactError(
                f"{path}: not a split of version {VERSION}",
                hint="Copy the run again, or start a new one.",
            ) from error


def fingerprint(ids: np.ndarray) -> str:
    """Hash of row ids, sensitive to their order."""
    text = "\n".join(map(str, ids))
    return hashlib.sha256(text.encode()).hexdigest()


def split_by_group(
    groups: np.ndarray,
    fractions: Mapping[str, float],
    *,
    seed: int,
    ids: np.ndarray,
    only_test: np.ndarray | None = None,
) -> Split:
    """Divides groups at random, in proportion, keeping each group whole.

    Args:
        groups: Group of each row, `(row,)`.
        fractions: Wanted fraction of the groups by part; they sum to one.
        seed: Same seed, same groups: same split.
        ids: Name of each row, for the fingerprint.
        only_test: Whether each row, with all of its group, may be in `test` alone.

    Raises:
        DataError: If a part with a positive fraction would be empty.

    Example:
        >>> groups = np.repeat(np.arange(10), 3).astype(str)
        >>> parts = {"train": 0.8, "test": 0.2}
        >>> split = split_by_group(groups, parts, seed=1, ids=np.arange(30).astype(str))
        >>> len(split.indices["train"]), split.leaked_fraction(groups)
        (24, 0.0)
    """
    groups = np.asarray(groups)
    restricted = np.zeros(len(groups)) if only_test is None else only_test
    held = np.unique(groups[np.asarray(restricted, bool)])
    free = np.setdiff1d(np.unique(groups), held)
    order = np.random.default_rng(seed).permutation(free)
    edges = np.round(np.cumsum([0.0, *fractions.values()]) * len(order)).astype(int)
    indices = {}
    for name, start, stop in zip(fractions, edges[:-1], edges[1:], strict=True):
        members = order[start:stop]
        if name == "test":
            members = np.concatenate([members, held])
        indices[name] = np.flatnonzero(np.isin(groups, members))
        if fractions[name] > 0 and not len(indices[name]):
            raise DataError(
                f"too few objects to split: {len(free)} leave the {name} part empty",
                hint="Give more data, or lower the data.*_fraction settings.",
            )
    return Split(indices, seed, fingerprint(ids))

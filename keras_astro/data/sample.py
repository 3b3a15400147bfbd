"""The one in-memory form of data: named arrays, rows first, described by a schema."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_astro.errors import DataError


@dataclass(frozen=True)
class Field:
    """One named array of a schema, without its leading row axis.

    Args:
        name: The field's standard term, e.g. `image` or `theta_E_arcsec`.
        axes: Names of the axes after the row axis, e.g. `("y", "x", "band")`.
        dtype: NumPy dtype name; `str` for text.
        units: Unit as astropy writes it; empty when dimensionless.
        description: One sentence.
        optional: Whether a data set may lack it.
        fill: Value that stands for an optional model input in a data set without it,
            such as an inverse variance of 1; None where nothing can stand for it.
        gaps: Whether NaN is allowed and says that there is no data.
        aliases: Other names that files use.
    """

    name: str
    axes: tuple[str, ...] = ()
    dtype: str = "float32"
    units: str = ""
    description: str = ""
    optional: bool = True
    fill: float | None = None
    gaps: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """What a task's data consists of: model inputs, known truth, and bookkeeping.

    `axes` are coordinates that all rows share, such as wavelengths; they have no row
    axis. `label_columns` are the targets in the columns of an array named `label`.
    """

    task: str
    inputs: tuple[Field, ...]
    targets: tuple[Field, ...] = ()
    meta: tuple[Field, ...] = ()
    axes: tuple[Field, ...] = ()
    label_columns: tuple[str, ...] = ()

    def group(self, name: str) -> dict[str, Field]:
        """Fields of `inputs`, `targets`, `meta` or `axes` by name."""
        return {f.name: f for f in getattr(self, name)}


GROUPS = ("inputs", "targets", "meta")


@dataclass
class Sample:
    """Rows of data in memory: `inputs`, `targets` and `meta`, all rows first.

    `axes` holds the coordinates that all rows share, without a row axis.
    `meta["id"]` names each row. `meta["group"]` names the object or physical system
    that a row belongs to; splits never divide a group. It defaults to the id.

    Raises:
        DataError: If the arrays differ in length, a required field is missing, or a
            field has the wrong number of axes.

    Example:
        >>> schema = Schema("demo", (Field("flux", ("wavelength",)),))
        >>> sample = Sample(schema, {"flux": np.ones((3, 5), "float32")})
        >>> len(sample), sample.take([0, 2]).inputs["flux"].shape
        (3, (2, 5))
    """

    schema: Schema
    inputs: dict[str, np.ndarray]
    targets: dict[str, np.ndarray] = field(default_factory=dict)
    meta: dict[str, np.ndarray] = field(default_factory=dict)
    name: str = "in-memory data"
    axes: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        self._check_fields()
        self.meta = dict(self.meta)
        if "id" not in self.meta:
            self.meta["id"] = np.arange(len(self)).astype(str)
        self.meta.setdefault("group", self.meta["id"])

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def take(self, indices: Sequence[int] | np.ndarray) -> Sample:
        """The rows at `indices`, in that order."""
        return self._map(lambda array: array[np.asarray(indices)])

    def rows(self, start: int, stop: int) -> Sample:
        """The rows `start` to `stop`, as views."""
        return self._map(lambda array: array[start:stop])

    def _map(self, function) -> Sample:
        groups = {
            group: {k: function(np.asarray(v)) for k, v in getattr(self, group).items()}
            for group in GROUPS
        }
        return Sample(self.schema, name=self.name, axes=self.axes, **groups)

    def _check_fields(self):
        if not self.inputs:
            raise DataError(
                f"{self.name}: expected inputs, found no input arrays",
                hint=f"Give an array a field, rows first: {self.schema.inputs[0].name} "
                "at least.",
            )
        lengths = {
            f"{group}/{key}": len(array) if np.ndim(array) else None
            for group in GROUPS
            for key, array in getattr(self, group).items()
        }
        if len(set(lengths.values())) != 1:
            raise DataError(
                f"{self.name}: arrays differ in row counts: {lengths}",
                hint="Give all arrays the same rows in the same order, rows first.",
            )
        for group in (*GROUPS, "axes"):
            self._check_axes(group, () if group == "axes" else ("row",))

    def _check_axes(self, group: str, leading: tuple[str, ...]):
        arrays: Mapping[str, np.ndarray] = getattr(self, group)
        for spec in getattr(self.schema, group):
            if spec.name not in arrays:
                if not spec.optional:
                    unit = f", in {spec.units}" if spec.units else ""
                    raise DataError(
                        f"{self.name}: {group}/{spec.name} is missing, found "
                        f"{', '.join(arrays) or 'none'}",
                        hint=f"Add an array {' or '.join((spec.name, *spec.aliases))}"
                        f"{unit}, for example in a .npz.",
                    )
                continue
            axes = (*leading, *spec.axes)
            found = np.shape(arrays[spec.name])
            if len(found) != len(axes):
                raise DataError(
                    f"{self.name}: {group}/{spec.name} should have axes "
                    f"({', '.join(axes)}), found shape {found}",
                    hint="Add an axis of length 1 with array[..., None]; "
                    "numpy.squeeze takes one out.",
                )


class Source(abc.ABC):
    """Rows that are read when asked for, so that files may exceed the memory."""

    schema: Schema
    name: str

    @property
    def preparation(self) -> list[dict[str, Any]]:
        """Steps that made the rows from observed ones, see `Preparation`."""
        return []

    @abc.abstractmethod
    def __len__(self) -> int:
        """Number of rows."""

    @abc.abstractmethod
    def take(self, indices: Sequence[int] | np.ndarray) -> Sample:
        """The rows at `indices`, in that order."""

    def read(self, start: int = 0, stop: int | None = None) -> Sample:
        """The rows `start` to `stop` (the end when None)."""
        stop = len(self) if stop is None else min(stop, len(self))
        return self.take(np.arange(start, stop))

    def facts(self) -> dict[str, np.ndarray]:
        """Each row's `id`, `group` and `is_anomaly` (0 where there is no label).

        Sources that know these without reading pixels override this.
        """
        blocks = [
            {
                "id": block.meta["id"],
                "group": block.meta["group"],
                "is_anomaly": block.targets.get(
                    "is_anomaly", np.zeros(len(block), "uint8")
                ),
            }
            for block in self.blocks(256)
        ]
        return {k: np.concatenate([b[k] for b in blocks]) for k in blocks[0]}

    def blocks(self, rows: int) -> Iterator[Sample]:
        """Consecutive samples of at most `rows` rows."""
        for start in range(0, len(self), rows):
            yield self.read(start, start + rows)


class MemorySource(Source):
    """A sample in memory, seen as a source."""

    def __init__(self, sample: Sample):
        self.sample = sample
        self.schema = sample.schema
        self.name = sample.name

    def __len__(self) -> int:
        return len(self.sample)

    def take(self, indices):
        return self.sample.take(indices)

    def read(self, start=0, stop=None):
        return self.sample.rows(start, len(self) if stop is None else stop)


class Subset(Source):
    """Chosen rows of another source, e.g. one side of a split."""

    def __init__(self, source: Source, indices: Sequence[int] | np.ndarray):
        self.source = source
        self.indices = np.asarray(indices, dtype=np.int64)
        self.schema = source.schema
        self.name = source.name

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def preparation(self):
        """See `Source`."""
        return self.source.preparation

    def take(self, indices):
        return self.source.take(self.indices[np.asarray(indices)])

    def facts(self):
        return {k: v[self.indices] for k, v in self.source.facts().items()}


class WithoutTargets(Source):
    """Another source whose labels nobody can see."""

    def __init__(self, source: Source):
        self.source = source
        self.schema, self.name = source.schema, source.name

    def __len__(self) -> int:
        return len(self.source)

    @property
    def preparation(self):
        """See `Source`."""
        return self.source.preparation

    def take(self, indices):
        found = self.source.take(indices)
        return Sample(
            found.schema, found.inputs, {}, found.meta, found.name, found.axes
        )

    def facts(self):
        return self.source.facts()


def concatenate(samples: Sequence[Sample]) -> Sample:
    """Joins samples of one schema, keeping the fields that all of them have.

    Raises:
        DataError: If they lie on different coordinates.
    """
    first = samples[0]
    for other in samples[1:]:
        check_same_axes(first, other)
    groups = {
        group: {
            key: np.concatenate([getattr(s, group)[key] for s in samples])
            for key in getattr(first, group)
            if all(key in getattr(s, group) for s in samples)
        }
        for group in GROUPS
    }
    return Sample(first.schema, name=first.name, axes=first.axes, **groups)


def check_same_axes(first: Sample, other: Sample) -> None:
    """Refuses samples on different coordinates.

    Raises:
        DataError: If an axis is missing in one, or has other values.
    """
    for name in {**first.axes, **other.axes}:
        here, there = first.axes.get(name), other.axes.get(name)
        if here is None or there is None or not np.array_equal(here, there):
            raise DataError(
                f"{other.name}: expected the {name} of {first.name}, found "
                f"{'none' if there is None else 'other values'}",
                hint="Resample all rows to one grid first.",
            )

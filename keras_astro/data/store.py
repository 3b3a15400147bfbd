"""The store: one HDF5 layout for every case, written and read in blocks."""

from __future__ import annotations

import contextlib
import datetime
import errno
import functools
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from keras_astro.data.sample import (
    GROUPS,
    Field,
    Sample,
    Schema,
    Source,
    Subset,
    check_same_axes,
)
from keras_astro.errors import DataError, UsageError

VERSION = 1
CHUNK_ROWS = 64

# A part, or what a kill left of one that was written in its final folder.
PART = re.compile(r"part-\d+\.h5|\.part-\d+\.h5\.\d+\.partial")


def write_store(
    path: Path,
    blocks: Iterable[Sample],
    *,
    generator: str,
    config: Mapping[str, Any],
    seed: int,
    overwrite: bool = False,
    partial: Path | None = None,
) -> int:
    """Writes samples to a store, block by block, and puts it in place at the end.

    Args:
        path: The file; it appears only when it is complete.
        blocks: Samples of one schema with the same fields.
        generator: What made the rows, e.g. `simulate.lensing`.
        config: Its settings.
        seed: Its seed.
        overwrite: Whether an existing file may be replaced.
        partial: Where it is written first; beside the store when None.

    Returns:
        Number of rows.

    Raises:
        UsageError: If the file exists and may not be replaced.
        DataError: If there are no rows, blocks differ or the disk refuses.
    """
    path = Path(path)
    refuse_existing(path, overwrite=overwrite)
    partial = partial or path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(partial, "w") as file:
            rows = _write_blocks(file, blocks, path)
            if not rows:
                raise DataError(
                    f"{path}: no rows to write",
                    hint="Check that files hold rows: kastro data describe FILE",
                )
            file.attrs.update(
                {
                    "schema_version": VERSION,
                    "generator": generator,
                    "config": json.dumps(config),
                    "seed": seed,
                    "created": _created(),
                }
            )
        os.replace(partial, path)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({_reason(error)})",
            hint="Free disk space or choose another place with -o.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return rows


def write_parts(
    folder: Path, source: Source, part_rows: int, *, overwrite: bool = False, **facts
) -> int:
    """Writes a source as a folder of stores, which is read as one data set.

    The folder appears when all of its parts are complete.

    Args:
        folder: Where `part-00000.h5` and those that follow are written.
        source: The rows.
        part_rows: Rows of each store but the last.
        overwrite: Whether parts that are there may be replaced, all of them.
        **facts: As for `write_store`.

    Returns:
        Number of rows.

    Raises:
        UsageError: If parts exist and may not be replaced, or the folder holds more.
        DataError: If there are no rows or the disk refuses.
    """
    _refuse_folder(Path(folder), overwrite=overwrite)
    if not len(source):
        raise DataError(
            f"{folder}: no rows to write",
            hint="Check that files hold rows: kastro data describe FILE",
        )
    # Of a link, what it leads to is replaced.
    target = Path(folder).resolve()
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    parts = partial / "parts"
    try:
        parts.mkdir(parents=True)
        for i, start in enumerate(range(0, len(source), part_rows)):
            rows = np.arange(start, min(start + part_rows, len(source)))
            blocks = Subset(source, rows).blocks(256)
            write_store(parts / f"part-{i:05}.h5", blocks, **facts)
        if target.exists():
            # Moved away whole: a kill leaves no folder with some of its parts.
            os.replace(target, partial / "replaced")
        os.replace(parts, target)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({_reason(error)})",
            hint="Free disk space or choose another folder with -o.",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(source)


def _refuse_folder(folder: Path, *, overwrite: bool) -> None:
    """Refuses a place for parts that holds anything else, or parts to be kept."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"{folder}: expected a folder for the parts, found a file",
            hint="Choose another place with -o.",
        )
    found = sorted(folder.glob("*"))
    others = [path for path in found if not PART.fullmatch(path.name)]
    if others:
        raise UsageError(
            f"{folder}: expected an empty folder for the parts, found {others[0].name}",
            hint="Choose another folder with -o.",
        )
    if found:
        refuse_existing(found[0], overwrite=overwrite)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Refuses a file that is there and may not be replaced.

    Raises:
        UsageError: If it is so.
    """
    if path.exists() and not overwrite:
        raise UsageError(
            f"{path} exists already", hint="Replace it with --overwrite, or use -o."
        )


def _write_blocks(file: h5py.File, blocks: Iterable[Sample], path: Path) -> int:
    rows = 0
    first = None
    for block in blocks:
        _check_space(path.parent, block)
        if first is None:
            first = block
            file.attrs["task"] = block.schema.task
            _create(file, block)
        check_same_axes(first, block)
        _check_layout(file, block, path)
        for group in GROUPS:
            for name, array in getattr(block, group).items():
                dataset = file[f"{group}/{name}"]
                dataset.resize(rows + len(block), axis=0)
                dataset[rows:] = _storable(array)
        rows += len(block)
    return rows


def _check_space(folder: Path, block: Sample) -> None:
    """Refuses a full disk early: HDF5 cannot close a file that it failed to write."""
    arrays = [v for group in GROUPS for v in getattr(block, group).values()]
    disk = shutil.disk_usage(folder)
    # A disk without a size limit says that all of its sizes are zero.
    if disk.total and disk.free < sum(np.asarray(v).nbytes for v in arrays):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _check_layout(file: h5py.File, block: Sample, path: Path) -> None:
    expected = {k: v.shape[1:] for k, v in _datasets(file).items()}
    found = {
        f"{group}/{name}": np.shape(array)[1:]
        for group in GROUPS
        for name, array in getattr(block, group).items()
    }
    if found != expected:
        differing = sorted(dict(expected.items() ^ found.items()))[0]
        raise DataError(
            f"{path}: expected the same fields in all rows, found {differing} with "
            f"shape {found.get(differing)} after {expected.get(differing)}",
            hint="Convert data of different fields or sizes to separate stores.",
        )


def _created() -> str:
    """The time; that of SOURCE_DATE_EPOCH where bytes are to be reproducible."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdigit():
        found = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
    else:
        found = datetime.datetime.now(datetime.UTC)
    return found.isoformat()


def _reason(error: OSError) -> str:
    # HDF5 puts the system's own words in the middle of several lines.
    inner = re.search(r"error message = '([^']*)'", str(error))
    words = error.strerror or str(error) or type(error).__name__
    return inner[1] if inner else words.splitlines()[0]


def _create(file: h5py.File, block: Sample) -> None:
    for group in GROUPS:
        fields = block.schema.group(group)
        for name, array in getattr(block, group).items():
            array = np.asarray(array)
            text = array.dtype.kind in "US"
            dataset = file.create_dataset(
                f"{group}/{name}",
                shape=(0, *array.shape[1:]),
                maxshape=(None, *array.shape[1:]),
                chunks=(CHUNK_ROWS, *array.shape[1:]),
                dtype=h5py.string_dtype() if text else array.dtype,
            )
            _explain(dataset, fields.get(name))
    for name, array in block.axes.items():
        dataset = file.create_dataset(f"axes/{name}", data=array)
        _explain(dataset, block.schema.group("axes").get(name))


def _explain(dataset: h5py.Dataset, spec: Field | None) -> None:
    dataset.attrs["units"] = spec.units if spec else ""
    dataset.attrs["description"] = spec.description if spec else ""


def _storable(array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    return array.astype(object) if array.dtype.kind in "US" else array


class StoreSource(Source):
    """Rows of a store, read when asked for.

    Args:
        path: The HDF5 file.
        schema: What the task expects.

    Raises:
        DataError: If the file is damaged, or no store of this task and version.
    """

    def __init__(self, path: Path, schema: Schema):
        self.path = Path(path)
        self.schema = schema
        self.name = str(path)
        self._file = open_hdf5(self.path)
        try:
            with reading(self.path):
                self._check()
        except DataError:
            self._file.close()
            raise

    def __len__(self) -> int:
        return len(self._file[f"inputs/{self.schema.inputs[0].name}"])

    @property
    def attributes(self) -> dict[str, Any]:
        """Generator, its configuration, seed and creation time."""
        return dict(self._file.attrs)

    @property
    def preparation(self):
        """See `Source`."""
        with reading(self.path):
            made = json.loads(self._file.attrs.get("config", "{}"))
        return made.get("preparation", [])

    def take(self, indices):
        order, inverse = np.unique(np.asarray(indices, int), return_inverse=True)
        with reading(self.path):
            groups = {
                group: {
                    name: _native(self._rows(dataset, order))[inverse]
                    for name, dataset in self._file.get(group, {}).items()
                }
                for group in GROUPS
            }
        return Sample(self.schema, name=self.name, axes=self.axes, **groups)

    @functools.cached_property
    def axes(self) -> dict[str, np.ndarray]:
        """The coordinates that all rows share."""
        with reading(self.path):
            return {name: data[:] for name, data in self._file.get("axes", {}).items()}

    def facts(self):
        with reading(self.path):
            meta, targets = self._file.get("meta", {}), self._file.get("targets", {})
            ids = _native(meta["id"][:])
            groups = _native(meta["group"][:]) if "group" in meta else ids
            labels = targets["is_anomaly"][:] if "is_anomaly" in targets else None
        return {
            "id": ids,
            "group": groups,
            "is_anomaly": np.zeros(len(ids), "uint8") if labels is None else labels,
        }

    @staticmethod
    def _rows(dataset: h5py.Dataset, order: np.ndarray) -> np.ndarray:
        if not len(order):
            return dataset[:0]
        first, last = order[0], order[-1] + 1
        if last - first <= 4 * len(order):
            # One contiguous read is faster than picking rows one by one.
            return dataset[first:last][order - first]
        return dataset[order]

    def _check(self) -> None:
        found = self._file.attrs.get("task")
        if found != self.schema.task or "meta/id" not in self._file:
            names: list[str] = []
            self._file.visit(names.append)
            raise DataError(
                f"{self.path}: expected a store of the {self.schema.task} task, found "
                f"{'a store of ' + str(found) if found else 'a foreign HDF5 file'} "
                f"with {', '.join(names[:6]) or 'nothing in it'}",
                hint=f"Convert it with: kastro data convert {self.path} -o store.h5 "
                f"--task {self.schema.task}",
            )
        version = int(self._file.attrs.get("schema_version", 0))
        if version != VERSION:
            raise DataError(
                f"{self.path}: expected store version {VERSION}, found {version}",
                hint="Make it again with the keras-astro version in use.",
            )
        lengths = {name: len(data) for name, data in _datasets(self._file).items()}
        wanted = f"inputs/{self.schema.inputs[0].name}"
        if wanted not in lengths:
            raise DataError(
                f"{self.path}: expected {wanted}, found {', '.join(lengths)}",
                hint="The store is damaged: make or convert it again.",
            )
        if len(set(lengths.values())) > 1:
            raise DataError(
                f"{self.path}: expected equal row counts, found {lengths}",
                hint="The store is damaged: make or convert it again.",
            )


def store_task(path: Path) -> str | None:
    """The task of a store; None where the path is anything else."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return None
    with reading(path), h5py.File(path, "r") as file:
        found = file.attrs.get("task")
    return None if found is None else str(found)


def open_hdf5(path: Path) -> h5py.File:
    """Opens an HDF5 file for reading.

    Raises:
        DataError: If it is absent, no HDF5 or truncated.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: no such file",
            hint="Check the path; kastro simulate makes a store.",
        )
    try:
        return h5py.File(path, "r")
    except OSError as error:
        with path.open("rb") as file:
            start = file.read(8)
        kind = "damaged or truncated" if start == b"\x89HDF\r\n\x1a\n" else "not HDF5"
        raise DataError(
            f"{path}: expected an HDF5 file, found one that is {kind}",
            hint="Copy or write it again; text and FITS need their own file suffix.",
        ) from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what HDF5 raises inside a damaged file into one error.

    Args:
        path: The file, for the message.

    Raises:
        DataError: If anything below cannot be read.
    """
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        reason = (str(error).strip("\"'") or type(error).__name__).splitlines()[0]
        raise DataError(
            f"{path}: expected a whole HDF5 file, found one damaged inside ({reason})",
            hint="Copy or make it again.",
        ) from error


def _datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    return {
        f"{group}/{name}": dataset
        for group in GROUPS
        for name, dataset in file.get(group, {}).items()
    }


def _native(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "O":
        return np.array([x.decode() if isinstance(x, bytes) else x for x in array], str)
    return array

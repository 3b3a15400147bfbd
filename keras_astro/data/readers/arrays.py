"""Arrays in NumPy archives and in HDF5 files that are no store."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_astro.data.sample import Field, MemorySource, Sample, Schema, Source
from keras_astro.data.store import StoreSource, open_hdf5, reading
from keras_astro.errors import DataError

IMAGE_NAMES = ("image", "images", "img", "stamps", "X", "x")
LABEL_NAMES = ("is_anomaly", "label", "labels", "y")
ID_NAMES = ("id", "ids", "objectId", "candid", "name")


def open_npz(path: Path, schema: Schema) -> Source:
    """Opens a `.npz` or `.npy` file; pickled objects are refused.

    Raises:
        DataError: If it is damaged, pickled, or lacks the task's input.
    """
    return from_arrays(load_npz(path, schema), schema, str(path))


def load_npz(path: Path, schema: Schema) -> dict[str, np.ndarray]:
    """All arrays of a `.npz` file by name; that of `.npy` is the task's input.

    Raises:
        DataError: If it is damaged or pickled.
    """
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {schema.inputs[0].name: loaded}
            return {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path}: expected NumPy arrays, found a damaged file or pickled objects",
            hint="Save plain arrays with numpy.savez.",
        ) from error


def open_h5(path: Path, schema: Schema) -> Source:
    """Opens a store, or an HDF5 file with a dataset of the input's name.

    Raises:
        DataError: If it is damaged or holds neither.
    """
    with open_hdf5(path) as file, reading(path):
        is_store = "task" in file.attrs or "inputs" in file
        arrays = {} if is_store else {k: v[:] for k, v in file.items() if _plain(v)}
    if is_store or not first_of(arrays, (schema.inputs[0].name, *IMAGE_NAMES)):
        return StoreSource(path, schema)
    return from_arrays(arrays, schema, str(path))


def from_arrays(arrays: Mapping[str, np.ndarray], schema: Schema, name: str) -> Source:
    """Named arrays to rows of a schema.

    Raises:
        DataError: If the input is missing, has wrong axes, no rows or values that are
            not finite numbers.
    """
    field = schema.inputs[0]
    found = first_of(arrays, (field.name, *IMAGE_NAMES))
    if found is None:
        raise DataError(
            f"{name}: expected an array named {field.name}, found "
            f"{', '.join(arrays) or 'none'}",
            hint=f"Save the images under the name {field.name}.",
        )
    if arrays[found].dtype.kind not in "biuf":
        raise DataError(
            f"{name}: expected numbers in {found}, found {arrays[found].dtype}",
            hint="Save the array as floats.",
        )
    values = np.asarray(arrays[found], dtype=np.float32)
    if values.ndim == len(field.axes):
        values = values[..., None]
    if not values.size:
        raise DataError(
            f"{name}: expected data in {found}, found no rows or pixels",
            hint="Save at least one row, of at least one pixel.",
        )
    bad = 1.0 - np.isfinite(values).mean()
    if bad and not field.gaps:
        raise DataError(
            f"{name}: {found} is NaN or infinite in {bad:.2%} of pixels",
            hint="Mask or cut out such pixels first.",
        )
    inputs = {field.name: values} | _named(arrays, schema.inputs[1:])
    targets = _named(arrays, schema.targets) | _labels(arrays, schema, name)
    identity = first_of(arrays, ID_NAMES)
    meta = {"id": arrays[identity].astype(str)} if identity else {}
    return MemorySource(Sample(schema, inputs, targets, meta | groups_of(arrays), name))


def groups_of(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The object or system of each row as a field, where an array `group` tells it.

    Example:
        >>> groups_of({"group": np.array([1, 1, 2])})["group"].tolist()
        ['1', '1', '2']
    """
    return {"group": as_text(arrays["group"])} if "group" in arrays else {}


def as_text(array: np.ndarray) -> np.ndarray:
    """Names as text; HDF5 keeps them as bytes."""
    array = np.asarray(array)
    if array.dtype.kind == "O":
        return np.array([x.decode() if isinstance(x, bytes) else str(x) for x in array])
    return array.astype(str)


def _named(
    arrays: Mapping[str, np.ndarray], fields: tuple[Field, ...]
) -> dict[str, np.ndarray]:
    """The arrays of fields, by name or alias."""
    found = {spec.name: first_of(arrays, (spec.name, *spec.aliases)) for spec in fields}
    return {name: arrays[key] for name, key in found.items() if key}


def _labels(
    arrays: Mapping[str, np.ndarray], schema: Schema, name: str
) -> dict[str, np.ndarray]:
    """Targets from an array of labels: one class, or a column each."""
    label = first_of(arrays, LABEL_NAMES)
    columns = schema.label_columns
    if not label:
        return {}
    values = arrays[label]
    if not columns:
        integers = values.dtype.kind in "biu"
        return {"is_anomaly": values.astype("uint8")} if integers else {}
    if values.ndim != 2 or values.shape[1] != len(columns):
        raise DataError(
            f"{name}: expected {label} of shape (row, {len(columns)}) with columns "
            f"{', '.join(columns)}, found {values.shape}",
            hint=f"Give {label} these columns in this order, or each as an array of "
            "its own name.",
        )
    return dict(zip(columns, values.astype("float32").T, strict=True))


def first_of(arrays: Mapping[str, np.ndarray], names: tuple[str, ...]) -> str | None:
    """The first of some names that is there."""
    return next((name for name in names if name in arrays), None)


def _plain(item) -> bool:
    return hasattr(item, "dtype") and item.dtype.kind in "biuf" and item.ndim > 0

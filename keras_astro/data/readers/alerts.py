"""Alerts from packets, stamp sets and stores: the rows of the alerts task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from keras_astro.data.alert_schema import FEATURES, SENTINEL, feature_row
from keras_astro.data.readers.alert_fields import ZTF_BANDS, ztf_features
from keras_astro.data.readers.alert_packet import Alert, read_alert
from keras_astro.data.readers.arrays import ID_NAMES, first_of, load_npz
from keras_astro.data.readers.avro import Schemas, read_packets
from keras_astro.data.readers.files import ASIDE, OnBad
from keras_astro.data.sample import MemorySource, Sample, Schema, Source
from keras_astro.data.store import StoreSource, open_hdf5, reading
from keras_astro.errors import DataError

SUFFIXES = (".avro",)
SCHEMA_SUFFIX = ".avsc"
STAMPS = ("stamps", "images", "image", "triplets", "X", "x")
LABELS = ("label", "labels", "class")
OBJECTS = ("oid", "objectId", "group", "diaObjectId")
TIMES = ("mjd", "midpointMjdTai")


def open_alerts(
    path: Path,
    schema: Schema,
    *,
    on_bad: OnBad = "raise",
    progress: Callable[[int, int], None] | None = None,
) -> Source:
    """Opens a folder of packets, one packet file, a stamp set, or a store.

    Args:
        path: A folder with `.avro` below it (and one `.avsc` for packets without a
            schema), an `.avro` file, or `.npz` or HDF5 with `stamps`.
        schema: The alerts' schema.
        on_bad: Whether a damaged packet is an error or set aside with its reason.
        progress: Called with done and total files.

    Raises:
        DataError: If it holds no alerts, or a damaged packet that is not set aside.
    """
    name = path.name.lower()
    if path.is_dir() or name.endswith(SUFFIXES):
        return open_packets(path, schema, on_bad=on_bad, progress=progress)
    if name.endswith(".npz"):
        return from_stamps(load_npz(path, schema), schema, str(path))
    if name.endswith((".h5", ".hdf5")):
        with open_hdf5(path) as file, reading(path):
            if "task" in file.attrs or "inputs" in file:
                return StoreSource(path, schema)
            arrays = {k: v[:] for k, v in file.items() if isinstance(v, h5py.Dataset)}
        return from_stamps(arrays, schema, str(path))
    raise DataError(
        f"{path}: expected .avro, .npz, .h5 or a folder of .avro, found a file of "
        f"unknown suffix {path.suffix!r}",
        hint="A pickle of arrays is read by: kastro data convert FILE -o STORE "
        "--from-pickle"
        if name.endswith((".pkl", ".pickle"))
        else "Save stamps (row, y, x, 3) as .npz; packets end with .avro.",
    )


def packet_files(path: Path) -> list[Path]:
    """The packets below a folder, or the one given."""
    if not path.is_dir():
        return [path]
    return sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES and f.is_file())


def beside(path: Path) -> Schemas:
    """The schema file in a folder, for packets that carry none.

    Raises:
        DataError: If there are several.
    """
    folder = path if path.is_dir() else path.parent
    found = sorted(folder.glob(f"*{SCHEMA_SUFFIX}"))
    if len(found) > 1:
        raise DataError(
            f"{folder}: expected one schema file, found {len(found)}",
            hint="Give packets of different schemas in separate folders.",
        )
    return Schemas.read(found[0] if found else None)


def packets(files: Sequence[Path], schemas: Schemas) -> Iterator[tuple[str, object]]:
    """Each alert of some files, or the error that stands in its place, with a name."""
    for file in files:
        try:
            for position, record in enumerate(
                read_packets(file.read_bytes(), schemas, lean=True)
            ):
                name = file.name if position == 0 else f"{file.name}[{position}]"
                try:
                    yield name, read_alert(record)
                except DataError as error:
                    yield name, error
        except OSError as error:
            yield (
                file.name,
                DataError(
                    f"cannot be read ({error.strerror or error})",
                    hint="Check that the file exists and may be read.",
                ),
            )
        except DataError as error:
            yield file.name, error


def open_packets(path: Path, schema: Schema, *, on_bad, progress) -> MemorySource:
    """Reads all packets of a folder or file; see `open_alerts`."""
    files = packet_files(path)
    if not files:
        raise DataError(
            f"{path}: expected alert packets ({', '.join(SUFFIXES)}), found none",
            hint="Give a folder of .avro files, .npz with stamps, or a store (.h5).",
        )
    alerts: list[Alert] = []
    bad: list[tuple[str, str]] = []
    for done, (name, found) in enumerate(packets(files, beside(path)), 1):
        if isinstance(found, Alert):
            alerts.append(found)
        elif on_bad == "raise":
            raise DataError(
                f"{path}: {found}" if path.is_file() else f"{path}: {name}: {found}",
                hint=f"{found.hint or 'Download it again.'} {ASIDE}",
            )
        else:
            bad.append((name, str(found)))
        if progress:
            progress(min(done, len(files)), len(files))
    if alerts:
        alerts, odd = _one_shape(alerts)
        bad += odd
    if not alerts:
        name, reason = bad[0]
        raise DataError(
            f"{path}: none of {len(bad)} packets can be read; the first, {name}: "
            f"{reason}",
            hint="Put the schema (.avsc) of packets that carry none into "
            f"{path if path.is_dir() else path.parent}; else download them again.",
        )
    if odd and on_bad == "raise":
        raise DataError(
            f"{path}: {odd[0][0]}: {odd[0][1]}",
            hint=f"Give surveys one by one. {ASIDE}",
        )
    source = MemorySource(alerts_sample(alerts, schema, str(path)))
    source.quarantined = bad
    return source


def _one_shape(alerts: list[Alert]) -> tuple[list[Alert], list[tuple[str, str]]]:
    shapes = Counter(alert.stamps.shape for alert in alerts)
    usual = shapes.most_common(1)[0][0]
    kept = [alert for alert in alerts if alert.stamps.shape == usual]
    odd = [
        (
            a.id,
            f"expected stamps of {usual[0]} pixels as the others, found "
            f"{a.stamps.shape[0]} of {a.survey}",
        )
        for a in alerts
        if a.stamps.shape != usual
    ]
    return kept, odd


def alerts_sample(alerts: Sequence[Alert], schema: Schema, name: str) -> Sample:
    """Alerts of one survey as rows."""
    meta = {
        "id": np.array([a.id for a in alerts], str),
        "group": np.array([a.group for a in alerts], str),
        "mjd": np.array([a.mjd for a in alerts], float),
        "band": np.array([a.band for a in alerts], str),
        "survey": np.array([a.survey for a in alerts], str),
    }
    inputs = {
        "stamps": np.stack([a.stamps for a in alerts]),
        "metadata": np.stack([a.metadata for a in alerts]),
    }
    return Sample(schema, inputs, {}, meta, name)


def from_stamps(
    arrays: Mapping[str, np.ndarray], schema: Schema, name: str
) -> MemorySource:
    """A stamp set: `stamps`, and what else is there of labels, names and metadata.

    Metadata is taken from an array `metadata` `(row, feature)`, or from columns with
    the survey's own names (`magpsf`, `isdiffpos`, ...).

    Raises:
        DataError: If there are no stamps, or they are no triplets of square images.
    """
    key = first_of(arrays, STAMPS)
    if key is None:
        raise DataError(
            f"{name}: expected an array named stamps, found "
            f"{', '.join(arrays) or 'none'}",
            hint="Name it stamps, (row, y, x, 3): science, template, difference.",
        )
    stamps = triplets(np.asarray(arrays[key]), f"{name}: {key}")
    rows = len(stamps)
    columns = {k: v for k, v in arrays.items() if v.ndim == 1 and len(v) == rows}
    text = {k: _text(v) for k, v in columns.items()}
    meta = {}
    for target, names in (("id", ID_NAMES), ("group", OBJECTS)):
        # Of several names the most particular to one alert is the id.
        order = ("candid", *names) if target == "id" else names
        if found := first_of(columns, order):
            meta[target] = text[found]
    if found := first_of(columns, TIMES):
        meta["mjd"] = columns[found].astype(float)
    elif "jd" in columns:
        meta["mjd"] = columns["jd"].astype(float) - 2_400_000.5
    if "band" in columns:
        meta["band"] = text["band"]
    elif "fid" in columns:
        numbers = columns["fid"].astype(int).tolist()
        meta["band"] = np.array([ZTF_BANDS.get(n, "") for n in numbers])
    label = first_of(text, LABELS)
    targets = {"label": text[label]} if label else {}
    inputs = {"stamps": stamps}
    metadata = _metadata(arrays, columns, rows)
    if metadata is not None:
        inputs["metadata"] = metadata
    return MemorySource(Sample(schema, inputs, targets, meta, name))


def triplets(stamps: np.ndarray, name: str) -> np.ndarray:
    """Stamps as `(row, y, x, 3)` float32 with fill values as NaN.

    Channels may be first.

    Raises:
        DataError: If they are anything else.
    """
    if stamps.dtype.kind not in "iuf" or stamps.ndim != 4 or not stamps.size:
        raise DataError(
            f"{name}: expected numbers (row, y, x, 3), found {stamps.dtype} "
            f"{stamps.shape}",
            hint="Give science, template and difference on the last axis.",
        )
    if stamps.shape[-1] != 3 and stamps.shape[1] == 3:
        stamps = np.moveaxis(stamps, 1, -1)
    wanted = f"{name}: expected square science, template and difference stamps "
    wanted += f"(row, y, x, 3), found {stamps.shape}"
    if stamps.shape[-1] != 3:
        raise DataError(
            wanted, hint="Give science, template and difference on the last axis."
        )
    if stamps.shape[1] != stamps.shape[2]:
        raise DataError(wanted, hint="Cut the stamps to squares.")
    stamps = np.array(stamps, np.float32)
    stamps[~(np.abs(stamps) < SENTINEL)] = np.nan
    return stamps


def _metadata(arrays, columns, rows: int) -> np.ndarray | None:
    given = arrays.get("metadata")
    if given is not None and given.shape == (rows, len(FEATURES)):
        return np.asarray(given, np.float32)
    if "magpsf" not in columns:
        return None
    lists = {key: values.tolist() for key, values in columns.items()}
    return np.stack(
        [
            feature_row(
                ztf_features({"candidate": {k: v[row] for k, v in lists.items()}})
            )
            for row in range(rows)
        ]
    )


def _text(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind in "OS":
        decoded = [v.decode() if isinstance(v, bytes) else str(v) for v in values]
        return np.array(decoded, str)
    return values.astype(str)

"""Files divided into units that are scored apart and joined in their order."""

from __future__ import annotations

import hashlib
import json
import shlex
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keras_astro.data.readers import open_many
from keras_astro.data.readers.shards import expand
from keras_astro.data.readers.tfrecord import NAME
from keras_astro.data.sample import Source, Subset
from keras_astro.data.store import store_task
from keras_astro.errors import ArtefactError, DataError
from keras_astro.inference.batch import BLOCK, Scored, score_source
from keras_astro.inference.drift import DriftWatch
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.reference import row_quantities
from keras_astro.tasks.catalog import model_rows, schema

# Rows of a store that are one unit: whole blocks, so that dividing changes no number.
UNIT_ROWS = 16 * BLOCK

Part = dict[str, np.ndarray]


@dataclass(frozen=True)
class Unit:
    """Some rows and the model that scores them; can be sent to another process.

    Args:
        model: Run or artefact.
        fingerprint: Of its manifest, by which another model in its place is refused.
        paths: Files or folders, seen as one data set.
        rows: First row and the one after the last; None for all.
        on_bad: As for `open_source`.
        refine: As for `score_source`.
        alone: Whether its file is the only one, which is an error if it cannot be read,
            and not set aside.
    """

    model: Path
    fingerprint: str
    paths: tuple[Path, ...]
    rows: tuple[int, int] | None = None
    on_bad: str = "quarantine"
    refine: bool = False
    alone: bool = True

    @property
    def name(self) -> str:
        """What messages call it."""
        rows = f", rows {self.rows[0]} to {self.rows[1] - 1}" if self.rows else ""
        return ", ".join(map(str, self.paths)) + rows

    def facts(self) -> list:
        """What its result depends on beside the model: files, sizes, times, rows."""
        files = [file for path in self.paths for file in _below(path)]
        stats = [[str(file), *_size_and_time(file)] for file in files]
        return [[str(path) for path in self.paths], _hash(stats), self.rows]


def _below(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file())


def _size_and_time(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _hash(content: Any) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """Tells models apart, and files of one model in different formats and numbers.

    Example:
        >>> float32, int8 = (fingerprint({"type": t}) for t in ("float32", "int8"))
        >>> float32 == int8
        False
    """
    return _hash(manifest)


def divide(
    model: Path, manifest: Mapping[str, Any], paths: Sequence[Path], **options
) -> list[Unit]:
    """A unit for each file or folder, and several for a store of many rows.

    Rows that a model sees together, such as the alerts of an object, are not divided.

    Args:
        model: Run or artefact.
        manifest: Of the model.
        paths: What the user names: files, folders, patterns.
        **options: As for `Unit`.

    Raises:
        DataError: If a path does not exist.
    """
    files = [file for path in paths for file in expand(path)]
    for file in files:
        if not file.exists():
            raise DataError(
                f"{file}: no such file or folder",
                hint='Check the path; quote patterns such as "night/*.h5".',
            )
    stamps = manifest["signatures"]["predict"]["inputs"].get("stamps", {})
    mark = fingerprint(manifest)
    if len(stamps.get("shape", ())) > 4:
        return [Unit(model, mark, tuple(files), **options)]
    options["alone"] = len(files) == 1
    return [
        Unit(model, mark, (file,), rows, **options)
        for file in files
        for rows in _ranges(file, manifest["task"])
    ]


def _ranges(file: Path, task: str) -> list[tuple[int, int] | None]:
    """The ranges of rows of a file that is quick to open in the middle."""
    try:
        if file.is_file() and (NAME.search(file.name) or store_task(file)):
            rows = len(open_many([file], schema(task)))
            starts = range(0, rows, UNIT_ROWS)
            if len(starts) > 1:
                return [(start, min(start + UNIT_ROWS, rows)) for start in starts]
    except DataError:
        # Told with its reason where the unit is scored.
        return [None]
    return [None]


class Seen:
    """Stands for a `DriftWatch` where rows are scored, and keeps what that would see.

    Args:
        manifest: Of the model.
    """

    def __init__(self, manifest: Mapping[str, Any]):
        self.manifest = manifest
        self.found: list[dict[str, np.ndarray]] = []

    def add(self, inputs, outputs) -> None:
        """Takes rows in, as `DriftWatch.add` does."""
        if self.manifest.get("reference"):
            kept = {
                f"seen/{k}": v
                for k, v in row_quantities(inputs, outputs, self.manifest).items()
            }
            if "p_value" in outputs:
                kept["chance"] = outputs["p_value"]
            self.found.append(kept)

    def arrays(self) -> Part:
        """All of it, with the number of rows of each call."""
        if not self.found:
            return {}
        sizes = [len(next(iter(kept.values()))) for kept in self.found]
        joined = {k: np.concatenate([s[k] for s in self.found]) for k in self.found[0]}
        return joined | {"sizes": np.array(sizes)}


# A TFLite interpreter serves one thread at a time.
_loaded = threading.local()


def _predictor(unit: Unit) -> Predictor:
    asked = unit.model, unit.fingerprint
    if getattr(_loaded, "asked", None) != asked:
        predictor = open_predictor(unit.model)
        if fingerprint(predictor.manifest) != unit.fingerprint:
            raise ArtefactError(
                f"{unit.model}: is another model where this worker runs, or was "
                "replaced since the command began",
                hint="Give all machines the same file, and begin again.",
            )
        _loaded.predictor, _loaded.asked = predictor, asked
    return _loaded.predictor


def score_unit(
    unit: Unit, *, progress: Callable[[int, int], None] | None = None
) -> Part:
    """Scores a unit, in whatever process this is called.

    Returns:
        Arrays by name: `output/NAME`, `id`, `flags`, `reasons` where the rows tell
        them, what a `DriftWatch` would see, and `bad` `(file, 2)`, files that were set
        aside with their reasons. Of a unit that cannot be read, `bad` alone.

    Raises:
        DataError: If it cannot be read and is the only one, or bad files are not to be
            set aside.
        ArtefactError: If another model lies where that of the command did.
        KastroError: As `open_predictor` does.
    """
    predictor = _predictor(unit)
    try:
        return _scored(unit, predictor, progress)
    except DataError as error:
        if unit.alone or unit.on_bad == "raise":
            raise
        return {"bad": np.array([[unit.name, str(error)]])}


def _scored(unit: Unit, predictor: Predictor, progress) -> Part:
    manifest = predictor.manifest
    whole = open_many(unit.paths, schema(manifest["task"]), on_bad=unit.on_bad)
    source: Source = whole
    if unit.rows:
        source = Subset(whole, np.arange(*unit.rows))
    seen = Seen(manifest)
    rows = model_rows(source, manifest)
    options = {"refine": unit.refine, "drift": seen, "progress": progress}
    scored = score_source(predictor, rows, **options)
    bad = getattr(whole, "quarantined", [])
    part = {f"output/{name}": values for name, values in scored.outputs.items()}
    part |= {"id": source.facts()["id"], "flags": scored.flags, **seen.arrays()}
    if scored.reasons is not None:
        part["reasons"] = scored.reasons
    if bad:
        part["bad"] = np.array(bad, str).reshape(-1, 2)
    return part


@dataclass
class Joined:
    """What came out of all units, in their order.

    Args:
        scored: Outputs, flags and reasons of all rows.
        ids: Their names.
        quarantined: Files that were set aside, with their reasons.
    """

    scored: Scored
    ids: np.ndarray
    quarantined: list[list[str]] = field(default_factory=list)


def join(parts: Iterable[Part], watch: DriftWatch) -> Joined:
    """Joins the parts of units, and shows their rows to a watch in the same order.

    Raises:
        DataError: If there is no unit, or none could be read; the message is that of
            the first.
    """
    whole, bad = [], []
    for part in parts:
        bad += part["bad"].tolist() if "bad" in part else []
        if "flags" in part:
            whole.append(part)
            _show(part, watch)
    if not whole:
        if not bad:
            raise DataError(
                "expected files with rows, found none",
                hint="Look at one of them with: kastro data describe FILE",
            )
        # A unit's name may end with the rows that it is of a file.
        first = shlex.quote(bad[0][0].split(", rows ")[0])
        raise DataError(
            bad[0][1],
            hint=f"None of {len(bad)} files could be read; look at the first with: "
            f"kastro data describe {first}",
        )
    names = [name for name in whole[0] if name.startswith("output/")]
    outputs = {
        name.removeprefix("output/"): np.concatenate([part[name] for part in whole])
        for name in names
    }
    flags = np.concatenate([part["flags"] for part in whole])
    reasons = None
    if any("reasons" in part for part in whole):
        none = [np.full(len(part["flags"]), "", "U1") for part in whole]
        told = [p.get("reasons", n) for p, n in zip(whole, none, strict=True)]
        reasons = np.concatenate(told)
    ids = np.concatenate([part["id"] for part in whole])
    return Joined(Scored(outputs, flags, reasons), ids, bad)


def _show(part: Part, watch: DriftWatch) -> None:
    if "sizes" not in part:
        return
    ends = np.cumsum(part["sizes"])
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        found = {
            name.removeprefix("seen/"): values[start:end]
            for name, values in part.items()
            if name.startswith("seen/")
        }
        chance = part["chance"][start:end] if "chance" in part else None
        watch.take(found, chance)

"""What is in a data set: shapes, units, ranges, defects."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_astro.data.sample import GROUPS, Sample, Source

BLOCK = 256


def describe(source: Source, *, rows: int = 2000) -> dict[str, Any]:
    """Fields of a source with shapes, units, ranges and defects.

    Args:
        source: The rows.
        rows: How many, evenly spread, are looked at for ranges and defects.

    Returns:
        `rows`, `looked_at`, `labels` (counts; of names among the rows that are looked
        at), `quarantined` and `fields`: for each `group/name` its shape, dtype, units,
        NaN fraction, and minimum, median and maximum of its finite values; `axes/name`
        are the coordinates that all rows share.
    """
    chosen = np.unique(
        np.linspace(0, len(source) - 1, min(rows, len(source))).astype(int)
    )
    sample = source.take(chosen)
    fields = {}
    for group in GROUPS:
        units = {f.name: f.units for f in getattr(source.schema, group)}
        for name, array in getattr(sample, group).items():
            shape = {"shape": list(array.shape[1:]), "units": units.get(name, "")}
            fields[f"{group}/{name}"] = shape | _facts(array)
    units = {f.name: f.units for f in source.schema.axes}
    for name, array in sample.axes.items():
        shape = {"shape": list(array.shape), "units": units.get(name, "")}
        fields[f"axes/{name}"] = shape | _facts(array)
    facts = source.facts()
    return {
        "name": source.name,
        "task": source.schema.task,
        "rows": len(source),
        "looked_at": len(chosen),
        "groups": len(np.unique(facts["group"])),
        "labels": _labels(sample, facts["is_anomaly"]),
        "quarantined": [list(bad) for bad in getattr(source, "quarantined", [])],
        "fields": fields,
    }


def _labels(sample: Sample, anomalous: np.ndarray) -> dict[str, int]:
    """How many rows have which class."""
    if "is_anomaly" in sample.targets:
        classes = anomalous
    elif "label" in sample.targets:
        classes = sample.targets["label"].astype(str)
        classes = classes[classes != ""]
    else:
        return {}
    names, counts = np.unique(classes, return_counts=True)
    return dict(zip(map(str, names), map(int, counts), strict=True))


def validate(source: Source) -> list[str]:
    """Reads every row and lists what is wrong; empty when nothing is.

    Raises:
        DataError: If a row cannot be read at all.
    """
    problems = []
    ids = source.facts()["id"]
    names, counts = np.unique(ids, return_counts=True)
    repeated = names[counts > 1]
    if len(repeated):
        problems.append(f"{len(repeated)} ids occur twice, e.g. {repeated[0]}")
    spec = source.schema.inputs[0]
    field = spec.name
    for start in range(0, len(source), BLOCK):
        block = source.read(start, start + BLOCK)
        values = block.inputs[field].reshape(len(block), -1)
        # Where gaps are allowed, a row is wrong only if it is one whole gap.
        finite = np.isfinite(values)
        finite = finite.any(axis=1) if spec.gaps else finite.all(axis=1)
        for row in np.flatnonzero(~finite):
            problems.append(
                f"{block.meta['id'][row]}: {field} is not finite "
                + ("anywhere" if spec.gaps else "everywhere")
            )
        constant = np.ptp(values[finite], axis=1) == 0
        for row in np.flatnonzero(finite)[constant]:
            problems.append(f"{block.meta['id'][row]}: {field} is constant")
    return problems


def _facts(array: np.ndarray) -> dict[str, Any]:
    facts: dict[str, Any] = {"dtype": str(array.dtype)}
    if array.dtype.kind not in "fiub":
        return facts
    values = array[np.isfinite(array)].astype(float)
    facts["nan_fraction"] = float(1 - values.size / max(array.size, 1))
    if values.size:
        low, middle, high = np.quantile(values, [0, 0.5, 1])
        facts |= {"minimum": low, "median": middle, "maximum": high}
    return facts

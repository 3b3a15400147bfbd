"""What rows looked like when the model was made: small histograms in the manifest.

Each quantity of a row is one number: its score, a component of its code, the mean and
spread of an input. Their distributions over held-back normal rows are kept as counts
between quantiles, about a hundred bytes each, for `drift` to compare later rows with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

BINS = 10

# As many distinct values are a scale of their own, not a sample of a continuous one.
FEW = 5

# Images of so many bands at most are described band by band.
MOST_BANDS = 8

# Evenly spread values of an input that enter its mean and spread: of a stream's stamps
# all would take a tenth of the time of classifying them.
MOST_VALUES = 1000


def row_quantities(
    inputs: Mapping[str, np.ndarray],
    outputs: Mapping[str, np.ndarray],
    manifest: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    """The numbers of each row whose distributions are watched.

    Of inputs: `NAME` itself where it is one number a row, else `NAME.mean` and
    `NAME.sd` over up to 1,000 evenly spread finite values, and `NAME[BAND].mean` of
    images of several bands.
    Of outputs: `score` and `z[0]`, `z[1]`...; where a model has no score, every
    estimate that is one number a row.

    Args:
        inputs: Arrays by input name, rows first.
        outputs: The `predict` signature's arrays by name.
        manifest: Its `predict` signature says which inputs the model takes.

    Returns:
        `(row,)` of float32 by name; infinite where a row has no finite value.

    Example:
        >>> manifest = {"signatures": {"predict": {"inputs": {"flux": {}}}}}
        >>> flux, z = np.array([[1.0, 3.0]]), np.array([[0.5, -0.5]])
        >>> found = row_quantities({"flux": flux}, {"z": z}, manifest)
        >>> {name: value.item() for name, value in found.items()}
        {'flux.mean': 2.0, 'flux.sd': 1.0, 'z[0]': 0.5, 'z[1]': -0.5}
    """
    found: dict[str, np.ndarray] = {}
    for name in manifest["signatures"]["predict"]["inputs"]:
        if name in inputs:
            found |= _of_input(name, np.asarray(inputs[name]))
    if "score" in outputs:
        found["score"] = outputs["score"]
    for i, component in enumerate(np.asarray(outputs.get("z", ())).T):
        found[f"z[{i}]"] = component
    if "score" not in outputs:
        found |= {k: v for k, v in outputs.items() if np.ndim(v) == 1}
    # Of all quantities at once: a stream asks for every batch.
    values = np.array(list(found.values()), np.float32)
    np.nan_to_num(values, copy=False, nan=np.inf, posinf=np.inf)
    return dict(zip(found, values, strict=True))


def _of_input(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    if values.ndim == 1:
        return {name: values}
    bands = values.shape[-1] if values.ndim == 4 else 1
    rows = values.reshape(len(values), -1, bands if 1 < bands <= MOST_BANDS else 1)
    # Odd, so that it does not keep to some columns of an image of even width.
    step = -(-rows.shape[1] // MOST_VALUES) | 1
    mean, sd = _mean_and_sd(rows[:, ::step])
    found = {}
    for band in range(rows.shape[2]):
        key = f"{name}[{band}]" if rows.shape[2] > 1 else name
        found |= {f"{key}.mean": mean[:, band], f"{key}.sd": sd[:, band]}
    return found


def _mean_and_sd(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Over axis 1; only rows with values that are not finite pay for their absence."""
    rows = rows.astype(np.float32)
    count = np.float32(rows.shape[1])
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        mean = np.einsum("npb->nb", rows) / count
        around = rows - mean[:, None]
        square = np.einsum("npb,npb->nb", around, around) / count
        bad = ~np.isfinite(square).all(axis=1)
        if bad.any():
            good = np.isfinite(rows[bad])
            number = good.sum(axis=1)
            mean[bad] = np.where(good, rows[bad], 0).sum(axis=1) / number
            around = np.where(good, rows[bad] - mean[bad][:, None], 0)
            square[bad] = np.square(around).sum(axis=1) / number
    return mean, np.sqrt(square)


def build_reference(quantities: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Counts of each quantity between its own quantiles, to travel in a manifest.

    Args:
        quantities: From `row_quantities`, of normal rows that trained nothing.

    Example:
        >>> found = build_reference({"score": np.arange(100.0)})
        >>> found["rows"], found["quantities"]["score"]["edges"][:2]
        (100, [9.0, 19.0])
        >>> found["quantities"]["score"]["counts"]
        [10, 10, 10, 10, 10, 10, 10, 10, 10, 10]
    """
    described = {name: _described(values) for name, values in quantities.items()}
    rows = len(next(iter(quantities.values())))
    return {"rows": rows, "quantities": described}


def _described(values: np.ndarray) -> dict[str, list]:
    edges = _edges(np.asarray(values, np.float32))
    counts = np.bincount(bins_of(values, edges), minlength=len(edges) + 1)
    # Nine digits give the very float32 back.
    return {"edges": [float(f"{e:.9g}") for e in edges], "counts": counts.tolist()}


def _edges(values: np.ndarray) -> np.ndarray:
    finite = values[np.isfinite(values)]
    distinct = np.unique(finite)
    if not len(distinct):
        return np.zeros(1, np.float32)
    if len(distinct) > FEW:
        parts = np.arange(1, BINS) / BINS
        return np.unique(np.quantile(finite, parts, method="inverted_cdf"))
    margin = 1e-3 * max(np.abs(distinct).max(), 1e-3)
    middles = (distinct[1:] + distinct[:-1]) / 2
    outer = distinct[0] - margin, distinct[-1] + margin
    return np.array([outer[0], *middles, outer[1]], np.float32)


def bins_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Number of the bin of each value; a value on an edge lies below it.

    Args:
        values: `(..., row)`.
        edges: Ascending, `(..., edge)`; further ones may be infinite.

    Returns:
        `(..., row)`, from 0 to the number of finite edges.
    """
    edges = np.asarray(edges, np.float32)[..., None, :]
    above = np.asarray(values, np.float32)[..., None] > edges
    return np.sum(above & np.isfinite(edges), axis=-1, dtype=np.uint8)

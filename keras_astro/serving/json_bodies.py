"""TF Serving's JSON: rows (`instances`) or columns (`inputs`), and their answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_astro.serving.refusals import invalid

Arrays = dict[str, np.ndarray]


def parse(body: bytes) -> dict[str, Any]:
    """The object in a request's body; NaN and Infinity are numbers, as there.

    Raises:
        Refusal: If it is not a JSON object.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from error
    if not isinstance(content, dict):
        raise invalid("JSON Value: expected an object")
    return content


def read_inputs(content: Mapping[str, Any], wanted: Mapping[str, Any]) -> Arrays:
    """Arrays of a request, in either format.

    Args:
        content: The request.
        wanted: The signature's inputs.

    Raises:
        Refusal: If neither format is kept, or values are no numbers.
    """
    if ("instances" in content) == ("inputs" in content):
        raise invalid("Request must have either 'instances' or 'inputs', not both")
    if "inputs" in content:
        columns = content["inputs"]
        if not isinstance(columns, dict):
            columns = {_only(wanted): columns}
    else:
        columns = _columns(content["instances"], wanted)
    return {
        name: _array(name, values, wanted.get(name, {}).get("dtype"))
        for name, values in columns.items()
    }


def _columns(instances: Any, wanted: Mapping[str, Any]) -> dict[str, list]:
    if not isinstance(instances, list) or not instances:
        raise invalid("JSON Value: expected 'instances' to be a list of values")
    if not all(isinstance(row, dict) for row in instances):
        return {_only(wanted): instances}
    names = instances[0].keys()
    if any(row.keys() != names for row in instances):
        raise invalid("Failed to process: instances have different inputs")
    return {name: [row[name] for row in instances] for name in names}


def _only(wanted: Mapping[str, Any]) -> str:
    if len(wanted) != 1:
        raise invalid(f"expected named inputs: {', '.join(sorted(wanted))}")
    return next(iter(wanted))


def _array(name: str, values: Any, dtype: str | None) -> np.ndarray:
    if dtype is None:
        raise invalid(f"{name}: is no input of this signature")
    try:
        found = np.asarray(values)
    except ValueError as error:
        raise invalid(f"{name}: expected rows of one shape") from error
    # Of text and dictionaries, base64 included, no number is made.
    if found.dtype.kind not in ("iuf" if dtype.startswith("float") else "iu"):
        raise invalid(f"{name}: expected {dtype}, found {_kind(found)}")
    with np.errstate(over="ignore"):
        values = found.astype(dtype)
    if values.dtype.kind in "iu" and (values != found).any():
        raise invalid(f"{name}: expected {dtype}, found numbers that do not fit")
    return values


def _kind(found: np.ndarray) -> str:
    value = found.reshape(-1)[0] if found.size else None
    if isinstance(value, dict) and value.keys() == {"b64"}:
        return "base64, which stands for text and not for numbers"
    names = {"b": "true or false", "U": "text", "f": "a fraction"}
    return names.get(found.dtype.kind, "values that are no numbers")


def write_rows(outputs: Arrays) -> dict[str, Any]:
    """The answer to `instances`: an object a row, or a value if there is one output."""
    columns = {name: values.tolist() for name, values in outputs.items()}
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}


def write_columns(outputs: Arrays) -> dict[str, Any]:
    """The answer to `inputs`: arrays by name, or one alone."""
    columns = {name: values.tolist() for name, values in outputs.items()}
    if len(columns) == 1:
        return {"outputs": next(iter(columns.values()))}
    return {"outputs": columns}

"""metrics.json: flat names, each a number or a number with its interval."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path

from keras_astro.errors import ArtefactError, DataError
from keras_astro.metrics import Interval

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]*")
_ENDS = ("value", "low", "high")


def write_metrics(path: str | Path, metrics: Mapping) -> Path:
    """Writes metrics as JSON, sorted by name, so that equal metrics give equal files.

    Args:
        path: The file, usually `RUN/metrics.json`; its folder is made.
        metrics: Name to number, `Interval` or `{"value", "low", "high"}`.

    Raises:
        DataError: If a name is not flat, a value is no number or is not finite.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "metrics.json"
        >>> print(write_metrics(path, {"auc": Interval(0.9, 0.8, 1.0)}).read_text())
        {
          "auc": {"value": 0.9, "low": 0.8, "high": 1.0}
        }
        <BLANKLINE>
    """
    plain = plain_metrics(metrics, where=str(path))
    lines = [f"  {json.dumps(key)}: {json.dumps(plain[key])}" for key in plain]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    body = ",\n".join(lines)
    path.write_text(f"{{\n{body}\n}}\n" if lines else "{}\n", encoding="utf-8")
    return path


def read_metrics(path: str | Path) -> dict[str, float | Interval]:
    """Reads metrics.json: intervals come back as `Interval`, numbers as numbers.

    Args:
        path: The file.

    Raises:
        ArtefactError: If the file is absent, no JSON object, or holds anything else
            than finite numbers and intervals.
    """
    path = Path(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtefactError(
            f"{path}: no metrics here", hint="Run: kastro evaluate RUN"
        ) from None
    except ValueError as error:
        raise ArtefactError(
            f"{path}: expected JSON, {error}",
            hint="Write it anew with: kastro evaluate RUN",
        ) from None
    if not isinstance(found, dict):
        raise ArtefactError(
            f"{path}: expected one JSON object, received {type(found).__name__}",
            hint="Write it anew with: kastro evaluate RUN",
        )
    try:
        plain = plain_metrics(found, where=str(path))
    except DataError as error:
        raise ArtefactError(
            str(error), hint="Write it anew with: kastro evaluate RUN"
        ) from None
    return {
        key: Interval(**value) if isinstance(value, dict) else value
        for key, value in plain.items()
    }


def plain_metrics(metrics: Mapping, *, where: str = "metrics") -> dict:
    """Returns metrics as plain JSON types, sorted by name, all of them finite.

    Args:
        metrics: Name to number, `Interval` or `{"value", "low", "high"}`.
        where: What to name in an error.

    Raises:
        DataError: If a name is not flat, a value is no number or is not finite.

    Example:
        >>> plain_metrics({"rmse": 2.0, "n": 3})
        {'n': 3, 'rmse': 2.0}
    """
    return {
        key: _plain(metrics[key], f"{where}: {key}")
        for key in sorted(metrics, key=lambda name: _checked(name, where))
    }


def _checked(name, where: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DataError(
            f"{where}: expected a metric name of letters, digits, '_', '.', '+', '-',"
            f" received {name!r}",
            hint="Begin with a letter and join words by '_', such as auc_pca.",
        )
    return name


def _plain(value, where: str) -> int | float | dict:
    if isinstance(value, Interval):
        value = value._asdict()
    if isinstance(value, Mapping):
        if set(value) != set(_ENDS):
            raise DataError(
                f"{where}: expected the keys value, low and high, received"
                f" {sorted(map(str, value))}",
                hint="Give a number, or keras_astro.metrics.Interval(value, low, "
                "high).",
            )
        ends = {end: _number(value[end], f"{where}.{end}") for end in _ENDS}
        if ends["low"] > ends["high"]:
            raise DataError(
                f"{where}: expected low <= high, received {ends['low']:g} and"
                f" {ends['high']:g}",
                hint="Give the ends in the order Interval(value, low, high).",
            )
        return ends
    return _number(value, where)


def _number(value, where: str) -> int | float:
    # A NumPy scalar or a zero-dimensional tensor knows its Python number.
    value = value.item() if hasattr(value, "item") and not _ndim(value) else value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise DataError(
            f"{where}: expected a number, received {type(value).__name__}"
            f" ({str(value)[:40]})",
            hint="Give a float or an Interval; reduce an array first, to its mean for "
            "example.",
        )
    number = int(value) if isinstance(value, Integral) else float(value)
    if not math.isfinite(number):
        raise DataError(
            f"{where}: expected a finite number, received {number}",
            hint="Leave out a metric that could not be measured, or say why not.",
        )
    return number


def _ndim(value) -> int:
    return int(getattr(value, "ndim", 0))

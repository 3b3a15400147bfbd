"""What a page shows of one object, as plain data: images, curves, intervals, facts."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Image:
    """A picture in false colours.

    Args:
        title: Heading, a few words.
        values: `(y, x)`, first row at the bottom.
        palette: `magma` for light, `viridis` for scores, `signed` for residuals.
        low: Value of the first colour; the smallest when None.
        high: Value of the last colour; the largest when None.
        softening: Share of the scale up to which colours are linear in the values;
            beyond, in their logarithm. 0 where all are linear.
        unit: Of the values.
        note: A sentence under it.
    """

    title: str
    values: np.ndarray
    palette: str = "magma"
    low: float | None = None
    high: float | None = None
    softening: float = 0.0
    unit: str = ""
    note: str = ""

    def described(self) -> dict[str, Any]:
        """As the page reads it."""
        values = np.asarray(self.values, np.float64)
        known = values[np.isfinite(values)]
        ends = (known.min(), known.max()) if known.size else (0.0, 1.0)
        low = ends[0] if self.low is None else self.low
        high = ends[1] if self.high is None else self.high
        return {
            "kind": "image",
            "title": self.title,
            "shape": list(values.shape),
            "data": packed(values),
            "palette": self.palette,
            "low": number(low),
            "high": number(high if high > low else low + 1e-9),
            "softening": float(self.softening),
            "unit": self.unit,
            "note": self.note,
        }


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Args:
        name: In the legend.
        y: Values; NaN leaves a gap.
        style: `data`, `truth`, `model` or `residual`.
    """

    name: str
    y: np.ndarray
    style: str


@dataclass(frozen=True)
class Chart:
    """Lines over one axis.

    Args:
        title: Heading.
        x: Places, increasing.
        curves: Lines over them.
        x_label: With the unit.
        y_label: With the unit.
        windows: Names and ends of ranges worth a closer look.
        low: Lower end of the vertical axis; from the values when None.
        high: Its upper end.
        short: Whether it is drawn flat, as residuals are.
        note: A sentence under it.
    """

    title: str
    x: np.ndarray
    curves: Sequence[Curve]
    x_label: str
    y_label: str
    windows: Sequence[tuple[str, float, float]] = ()
    low: float | None = None
    high: float | None = None
    short: bool = False
    note: str = ""

    def described(self) -> dict[str, Any]:
        """As the page reads it."""
        return {
            "kind": "chart",
            "title": self.title,
            # Wavelengths in single precision would stand on stairs.
            "x": packed(self.x, "<f8"),
            "curves": [
                {"name": c.name, "style": c.style, "y": packed(c.y)}
                for c in self.curves
            ],
            "x_label": self.x_label,
            "y_label": self.y_label,
            "windows": [list(window) for window in self.windows],
            "low": number(self.low),
            "high": number(self.high),
            "short": self.short,
            "note": self.note,
        }


@dataclass(frozen=True)
class Interval:
    """A parameter's posterior or prediction interval, over its truth.

    Args:
        label: The parameter.
        unit: Its unit.
        mean: Estimate.
        error: Standard deviation.
        inner: Ends of the 68 % interval.
        outer: Ends of the 95 % interval.
        axis: Ends of the axis: the prior's limits.
        truth: None where it is not known.
    """

    label: str
    unit: str
    mean: float
    error: float
    inner: tuple[float, float]
    outer: tuple[float, float]
    axis: tuple[float, float]
    truth: float | None = None

    def described(self) -> dict[str, Any]:
        """As the page reads it."""
        return {
            "label": self.label,
            "unit": self.unit,
            "mean": number(self.mean),
            "error": number(self.error),
            "inner": [number(v) for v in self.inner],
            "outer": [number(v) for v in self.outer],
            "axis": [number(v) for v in self.axis],
            "truth": number(self.truth),
        }


@dataclass(frozen=True)
class Intervals:
    """Estimates of several parameters, each on its own axis; `span` of 12 columns."""

    title: str
    rows: Sequence[Interval]
    note: str = ""
    span: int = 8

    def described(self) -> dict[str, Any]:
        """As the page reads it."""
        return {
            "kind": "intervals",
            "title": self.title,
            "rows": [row.described() for row in self.rows],
            "note": self.note,
            "span": self.span,
        }


@dataclass(frozen=True)
class Cloud:
    """Draws of a joint posterior of two parameters, over the truth.

    Args:
        title: Heading.
        x: First parameter of each draw.
        y: Second parameter of each draw.
        x_label: With the unit.
        y_label: With the unit.
        truth: Both parameters; None where they are not known.
        ellipse: Points of an outline `(point, 2)` that the draws are compared with.
        ellipse_name: What the outline is.
        note: A sentence under it.
    """

    title: str
    x: np.ndarray
    y: np.ndarray
    x_label: str
    y_label: str
    truth: tuple[float, float] | None = None
    ellipse: np.ndarray | None = None
    ellipse_name: str = ""
    note: str = ""

    def described(self) -> dict[str, Any]:
        """As the page reads it."""
        outline = np.empty((0, 2)) if self.ellipse is None else self.ellipse
        return {
            "kind": "cloud",
            "title": self.title,
            "x": packed(self.x),
            "y": packed(self.y),
            "x_label": self.x_label,
            "y_label": self.y_label,
            "truth": None if self.truth is None else [number(v) for v in self.truth],
            "ellipse": packed(outline),
            "ellipse_name": self.ellipse_name,
            "note": self.note,
        }


@dataclass(frozen=True)
class Bars:
    """Shares of one, such as class probabilities; `truth` names the right one."""

    title: str
    shares: dict[str, float]
    truth: str = ""
    note: str = ""

    def described(self) -> dict[str, Any]:
        """As the page reads it."""
        return {
            "kind": "bars",
            "title": self.title,
            "rows": [[name, number(value)] for name, value in self.shares.items()],
            "truth": self.truth,
            "note": self.note,
        }


@dataclass(frozen=True)
class Facts:
    """Names with numbers or words, and sentences that judge.

    Args:
        title: Heading.
        facts: Name to text or number.
        verdicts: Kind (`pass`, `fail`, `note`) and sentence.
        span: Columns of twelve.
    """

    title: str
    facts: dict[str, Any]
    verdicts: Sequence[tuple[str, str]] = ()
    span: int = 4

    def described(self) -> dict[str, Any]:
        """As the page reads it."""
        return {
            "kind": "facts",
            "title": self.title,
            "facts": [[name, shown(value)] for name, value in self.facts.items()],
            "verdicts": [list(verdict) for verdict in self.verdicts],
            "span": self.span,
        }


Panel = Image | Chart | Intervals | Cloud | Bars | Facts


@dataclass
class Scene:
    """One object: what is seen of it, and what the model makes of it.

    Args:
        sky: Panels of the object itself.
        model: Panels of the model; empty without one.
    """

    sky: list[Panel]
    model: list[Panel] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        """As the page reads it."""
        return {
            "sky": [panel.described() for panel in self.sky],
            "model": [panel.described() for panel in self.model],
        }


def packed(values: np.ndarray, kind: str = "<f4") -> str:
    """Numbers as base64, which a page reads several times faster than digits."""
    array = np.ascontiguousarray(values, dtype=kind)
    return base64.b64encode(array.tobytes()).decode("ascii")


def number(value: float | None) -> float | None:
    """A number that JSON can hold; None for none and for what is not finite.

    Example:
        >>> number(float("nan")), number(np.float32(0.5))
        (None, 0.5)
    """
    if value is None or not math.isfinite(value):
        return None
    return float(value)


def shown(value: Any) -> str:
    """A fact as text: four significant digits, true minus signs.

    Example:
        >>> shown(-0.123456), shown(12), shown("yes"), shown(float("nan"))
        ('−0.1235', '12', 'yes', 'unknown')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}".replace(",", "\u202f").replace("-", "\u2212")
    if not math.isfinite(value):
        return "unknown"
    return f"{float(value):.4g}".replace("-", "\u2212")


def thumbnail(values: np.ndarray, *, side: int = 48, softening: float = 0.0):
    """A small 8-bit picture `(y, x)` for a list, as the page reads it.

    Args:
        values: `(y, x)`.
        side: Largest side; larger images are averaged.
        softening: Of an asinh stretch, over the largest value; 0 for none.
    """
    values = np.nan_to_num(np.asarray(values, np.float64))
    step = max(1, -(-max(values.shape) // side))
    rows, columns = (n // step * step for n in values.shape)
    cut = values[:rows, :columns].reshape(rows // step, step, columns // step, step)
    small = cut.mean(axis=(1, 3))
    # The sky is black, not the deepest pixel of its noise.
    low = np.percentile(small, 25)
    share = np.maximum(small - low, 0.0) / max(small.max() - low, 1e-30)
    if softening:
        share = np.arcsinh(share / softening) / np.arcsinh(1 / softening)
    return {
        "kind": "picture",
        "shape": list(share.shape),
        "data": packed(np.round(255 * share), "u1"),
    }


def sparkline(values: np.ndarray, *, points: int = 160) -> dict[str, Any]:
    """The course of a spectrum for a list: the lowest value in each of its parts."""
    values = np.nan_to_num(np.asarray(values, np.float64), nan=1.0)
    edges = np.unique(np.linspace(0, len(values), points + 1).astype(int))
    lows = np.minimum.reduceat(values, edges[:-1])
    return {"kind": "line", "data": packed(lows)}

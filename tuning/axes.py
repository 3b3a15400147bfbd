"""The axes of a parallel-coordinates view of trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras_astro.tuning.records import TrialRecord
from keras_astro.tuning.spaces import SearchSpace


@dataclass(frozen=True)
class Axis:
    """One vertical axis.

    Args:
        key: Dotted key of a setting, or name of a metric.
        kind: `setting` or `result`.
        scale: `linear`, `log`, or `steps` where values are choices.
        low: Value at the bottom; None for steps.
        high: Value at the top.
        steps: Text of the choices, bottom to top.
    """

    key: str
    kind: str
    scale: str
    low: float | None = None
    high: float | None = None
    steps: tuple[str, ...] = ()

    @property
    def section(self) -> str:
        """The part of the key before the last dot."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The part of the key after the last dot, in words."""
        return self.key.rpartition(".")[2].replace("_", " ")


def text(value: Any) -> str:
    """A value as the view shows it.

    Example:
        >>> text((256, 128)), text(0.001), text(0.25)
        ('256-128', '0.001', '0.25')
    """
    if isinstance(value, tuple | list):
        return "-".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def make_axes(space: SearchSpace, records: list[TrialRecord]) -> list[Axis]:
    """Axes of the searched settings, then of the results, the objective last."""
    axes = []
    for dimension in space.dimensions:
        if dimension.choices:
            steps = tuple(text(choice) for choice in dimension.choices)
            axes.append(Axis(dimension.key, "setting", "steps", steps=steps))
        else:
            scale = "log" if dimension.log else "linear"
            low, high = dimension.low, dimension.high
            axes.append(Axis(dimension.key, "setting", scale, low, high))
    epochs = sorted({r.epochs for r in records if r.status == "completed"})
    if len(epochs) > 1:
        steps = tuple(map(str, epochs))
        axes.append(Axis("epochs", "setting", "steps", steps=steps))
    names = dict.fromkeys(name for record in records for name in record.metrics)
    return axes + [_result_axis(name, records) for name in (*names, "objective")]


def value_of(record: TrialRecord, key: str) -> Any:
    """A trial's value on an axis; None where it has none."""
    if key == "objective":
        return record.objective
    if key == "epochs":
        return record.epochs
    return record.values.get(key, record.metrics.get(key))


def _result_axis(name: str, records: list[TrialRecord]) -> Axis:
    found = [value_of(r, name) for r in records if r.status == "completed"]
    values = [value for value in found if value is not None]
    low, high = min(values), max(values)
    if low == high:
        margin = abs(low) * 0.1 or 1.0
        low, high = low - margin, high + margin
    # A few bad trials would press all others together on a linear axis.
    log = low > 0 and high / low > 20
    return Axis(name, "result", "log" if log else "linear", low, high)

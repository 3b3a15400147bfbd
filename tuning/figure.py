"""The parallel-coordinates figure of a search."""

from __future__ import annotations

import math

import numpy as np

from keras_astro.evaluation.style import GREY, INK, VERMILION, short, styled
from keras_astro.tuning.axes import Axis, text, value_of
from keras_astro.tuning.records import TrialRecord, ranked


def height(axis: Axis, value) -> float | None:
    """Where a value lies on an axis, 0 at the bottom and 1 at the top.

    Example:
        >>> height(Axis("a", "setting", "log", 1.0, 100.0), 10.0)
        0.5
        >>> height(Axis("b", "setting", "steps", steps=("4", "8", "16")), 8)
        0.5
    """
    if value is None:
        return None
    if axis.scale == "steps":
        steps = len(axis.steps)
        return 0.5 if steps == 1 else axis.steps.index(text(value)) / (steps - 1)
    low, high = axis.low, axis.high
    if axis.scale == "log":
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def ticks(axis: Axis) -> list[tuple[float, str]]:
    """Heights and labels of an axis' ticks."""
    if axis.scale == "steps":
        return [(height(axis, step), step) for step in axis.steps]
    spaced = np.geomspace if axis.scale == "log" else np.linspace
    values = spaced(axis.low, axis.high, 5)
    return [(i / 4, short(float(value))) for i, value in enumerate(values)]


def smooth(heights: list[float], *, points: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """A curve through a trial's heights, level at each axis."""
    t = np.linspace(0.0, 1.0, points)
    ease = t * t * (3.0 - 2.0 * t)
    pairs = list(zip(heights[:-1], heights[1:], strict=True))
    x = np.concatenate([i + t for i in range(len(pairs))])
    y = np.concatenate([a + (b - a) * ease for a, b in pairs])
    return x, y


@styled
def parallel_coordinates(
    axes: list[Axis], records: list[TrialRecord], chosen: TrialRecord
):
    """Draws one line a completed trial, coloured by the rank of its objective.

    Args:
        axes: What stands on the vertical axes, left to right.
        records: The trials; at least one completed.
        chosen: The one that stands out: that of the best settings.

    Returns:
        A Matplotlib figure.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(6.4, 1.35 * len(axes)), 4.4))
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    best = ranked(records)
    colours = matplotlib.colormaps["viridis"]
    order = sorted(
        enumerate(best), key=lambda pair: (pair[1].number == chosen.number, -pair[0])
    )
    for rank, record in order:
        heights = [height(axis, value_of(record, axis.key)) for axis in axes]
        if None in heights:
            continue
        shade = 0.95 * rank / max(1, len(best) - 1)
        first = record.number == chosen.number
        panel.plot(
            *smooth(heights),
            color=VERMILION if first else colours(shade),
            linewidth=2.8 if first else 1.3,
            alpha=1.0 if first else 0.75,
            label=_said(record) if first else None,
        )
    _draw_axes(panel, axes)
    shown = ScalarMappable(cmap=colours)
    bar = figure.colorbar(shown, ax=panel, pad=0.02, aspect=30, ticks=[0, 1])
    bar.ax.set_yticklabels(["best", "worst"])
    bar.ax.invert_yaxis()
    bar.set_label("rank by objective", labelpad=-18)
    bar.outline.set_visible(False)
    figure.legend(loc="outside lower center")
    return figure


def _said(record: TrialRecord) -> str:
    said = f"best: trial {record.number}, objective {short(record.objective)}"
    if record.mean is None:
        return said
    return (
        f"{said}, {short(record.mean)} in the mean over {len(record.objectives)} seeds"
    )


def _draw_axes(panel, axes: list[Axis]) -> None:
    panel.set_xlim(-0.35, len(axes) - 0.65)
    panel.set_ylim(-0.06, 1.06)
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    panel.xaxis.tick_top()
    names = [axis.name.replace(" ", "\n", 1) for axis in axes]
    panel.set_xticks(range(len(axes)), names)
    for label, axis in zip(panel.get_xticklabels(), axes, strict=True):
        label.set_fontweight("bold" if axis.kind == "result" else "normal")
    panel.set_yticks([])
    halo = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
    for x, axis in enumerate(axes):
        panel.axvline(x, color=INK if axis.kind == "result" else GREY, linewidth=1)
        for y, name in ticks(axis):
            panel.plot([x - 0.04, x], [y, y], color=GREY, linewidth=1)
            panel.text(
                x - 0.07, y, name, ha="right", va="center", fontsize=7.5, bbox=halo
            )

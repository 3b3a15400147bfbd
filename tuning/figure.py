"""The parallel-coordinates figure of a search."""

from __future__ import annotations

import math

import numpy as np

from keras_astro.evaluation.style import GREY, INK, PAPER, VERMILION, short, styled
from keras_astro.tuning.axes import Axis, text, value_of
from keras_astro.tuning.records import TrialRecord, ranked

# Of an axis of numbers, and what rounding may do to the last of them.
MOST_TICKS, SLACK = 5, 1e-9
# Inches an axis takes of the height.
ROW = 0.58


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
    """Heights and labels of an axis' ticks: its choices, or round numbers.

    Example:
        >>> [label for _, label in ticks(Axis("a", "setting", "log", 3e-4, 1e-2))]
        ['0.0005', '0.001', '0.002', '0.005', '0.01']
        >>> [label for _, label in ticks(Axis("b", "result", "linear", 0.81, 3.84))]
        ['1', '2', '3']
    """
    if axis.scale == "steps":
        return [(height(axis, step), step) for step in axis.steps]
    choose = _round_log if axis.scale == "log" else _round_linear
    return [
        (min(1.0, max(0.0, height(axis, value))), f"{value:g}".replace("-", "\u2212"))
        for value in choose(axis.low, axis.high)
    ]


def _round_linear(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    least = (high - low) / MOST_TICKS
    decade = 10.0 ** math.floor(math.log10(least))
    step = next(m * decade for m in (1, 2, 5, 10) if m * decade >= least)
    first, last = math.ceil(low / step - SLACK), math.floor(high / step + SLACK)
    return [number * step for number in range(first, last + 1)]


def _round_log(low: float, high: float) -> list[float]:
    """1, 2 and 5 in each decade, or as many powers of ten as there is room for."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for leads in ((1, 2, 5), (1,)):
        values = [lead * 10.0**decade for decade in decades for lead in leads]
        found = [v for v in values if low * (1 - SLACK) <= v <= high * (1 + SLACK)]
        if len(found) <= MOST_TICKS + 1:
            break
    # Within less than a decade there may be none.
    found = found[:: math.ceil(len(found) / (MOST_TICKS + 1)) or 1]
    return found if len(found) > 1 else _round_linear(low, high)


def shown(records: list[TrialRecord], chosen: TrialRecord) -> list[TrialRecord]:
    """Completed trials best first, of those trained in rounds the last round alone."""
    best = ranked(records)
    shorter = {record.parent for record in best} - {None, chosen.number}
    return [record for record in best if record.number not in shorter]


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

    The axes lie one below another, so that a page has room for all of them and for the
    names of choices. Of settings that were trained in rounds, the last is drawn.

    Args:
        axes: Settings and results, top to bottom.
        records: The trials; at least one completed.
        chosen: The one that stands out: that of the best settings.

    Returns:
        A Matplotlib figure.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 1.3 + ROW * len(axes)))
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    best = shown(records, chosen)
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
        down, across = smooth(heights)
        panel.plot(
            across,
            down,
            color=VERMILION if first else colours(shade),
            linewidth=2.8 if first else 1.3,
            alpha=1.0 if first else 0.75,
            label=_said(record) if first else None,
        )
    _draw_axes(panel, axes)
    bar = figure.colorbar(
        ScalarMappable(cmap=colours), ax=panel, pad=0.03, aspect=40, ticks=[0, 1]
    )
    bar.ax.set_yticklabels(["best", "worst"])
    bar.ax.invert_yaxis()
    bar.set_label(_ranked(records, best), labelpad=-18)
    bar.outline.set_visible(False)
    figure.legend(loc="outside lower center")
    return figure


def _ranked(records: list[TrialRecord], best: list[TrialRecord]) -> str:
    rounds = len(best) < len(ranked(records))
    return "rank by objective" + (" after the last round" if rounds else "")


def _said(record: TrialRecord) -> str:
    said = f"best: trial {record.number}, objective {short(record.objective)}"
    if record.mean is None:
        return said
    return (
        f"{said}, {short(record.mean)} in the mean over {len(record.objectives)} seeds"
    )


def _draw_axes(panel, axes: list[Axis]) -> None:
    from matplotlib.patheffects import withStroke

    panel.set_xlim(-0.06, 1.06)
    panel.set_ylim(len(axes) - 0.45, -0.3)
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    panel.set_yticks(range(len(axes)), [axis.name for axis in axes])
    for label, axis in zip(panel.get_yticklabels(), axes, strict=True):
        label.set_fontweight("bold" if axis.kind == "result" else "normal")
    panel.set_xticks([])
    halo = [withStroke(linewidth=4, foreground=PAPER)]
    for y, axis in enumerate(axes):
        panel.axhline(y, color=INK if axis.kind == "result" else GREY, linewidth=1)
        for x, name in ticks(axis):
            panel.plot([x, x], [y, y + 0.07], color=GREY, linewidth=1)
            text = panel.text(x, y + 0.12, name, ha="center", va="top", zorder=5)
            text.set_path_effects(halo)

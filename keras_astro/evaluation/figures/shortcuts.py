"""Is the score a disguise of something trivial? The model beside the shortcuts."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.metrics import Interval


@style.styled
def shortcut_bars(
    shortcuts: Mapping[str, Interval],
    *,
    model: Mapping[str, Interval] | None = None,
    warn_above: float = 0.75,
) -> Figure:
    """Horizontal bars of AUC from 0.5: the model on top, shortcuts by strength.

    Args:
        shortcuts: Name to AUC with interval, from `shortcut_audit`.
        model: Name to AUC with interval of the model's own scores.
        warn_above: A shortcut with an AUC above this is coloured as a warning.

    Example:
        >>> figure = shortcut_bars({"file size": Interval(0.57, 0.54, 0.59)})
        >>> [t.get_text() for t in figure.axes[0].get_yticklabels()]
        ['file size']
    """
    ordered = sorted(shortcuts.items(), key=lambda item: -item[1].value)
    rows = [(name, value, style.NORMAL) for name, value in (model or {}).items()]
    rows += [
        (name, value, style.AMBER if value.value > warn_above else style.GREY)
        for name, value in ordered
    ]
    figure, axes = style.new_figure(width=7.2, height=0.36 * len(rows) + 1.3)
    for place, (_, area, colour) in enumerate(rows):
        axes.barh(
            place, area.value - 0.5, left=0.5, height=0.62, color=colour, alpha=0.85
        )
        axes.hlines(place, area.low, area.high, color=style.INK, linewidth=1.4)
        axes.text(
            max(area.high, area.value) + 0.008,
            place,
            f"{area.value:.3f}",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.invert_yaxis()
    if model:
        axes.axhline(len(model) - 0.5, color=style.MIST, linewidth=1.0)
    axes.set_xlim(min(0.48, min(row[1].low for row in rows) - 0.01), 1.06)
    axes.axvline(0.5, color=style.INK, linewidth=1.0)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("AUC (0.5 = blind, 1 = perfect), 95 % interval")
    axes.set_title("Shortcut audit: what separates the classes on its own")
    return figure

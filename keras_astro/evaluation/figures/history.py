"""Training history: the loss and each of its named parts, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_astro.errors import DataError
from keras_astro.evaluation import style

NO_PARTS = ("epoch", "learning_rate", "lr", "time_s")


@style.styled
def training_history(
    history: Mapping[str, Sequence[float]], *, parts: Sequence[str] | None = None
) -> Figure:
    """One panel a named part, training and validation; the best epoch is marked.

    Args:
        history: Column to values, one an epoch; `val_<part>` is the validation of
            `<part>`. Columns such as `epoch` or `learning_rate` are no parts.
        parts: Which parts to draw and in which order; by default all of them.

    Raises:
        DataError: If the history has no epoch or lacks a part that was asked for.

    Example:
        >>> figure = training_history({"loss": [2.0, 1.0], "val_loss": [2.1, 1.2]})
        >>> figure.axes[0].get_title("left")
        'loss'
    """
    parts = _parts(history, parts)
    columns = style.panel_columns(len(parts))
    rows = -(-len(parts) // columns)
    figure, grid = style.new_figure(
        rows,
        columns,
        width=3.35 * columns + (2.2 if columns == 1 else 0.2),
        height=2.55 * rows + 0.6,
        squeeze=False,
    )
    panels = list(grid.flat)
    best = _best_epoch(history)
    for place, part in enumerate(parts):
        _curves(panels[place], history, part)
        if best is not None:
            panels[place].axvline(
                best, color=style.GREY, linewidth=1.0, linestyle=style.DASHES[0]
            )
        if place + columns >= len(parts):
            panels[place].set_xlabel("Epoch")
    for axes in panels[len(parts) :]:
        axes.remove()
    handles, names = panels[0].get_legend_handles_labels()
    if best is not None and len(names) > 1:
        names[1] += f" (lowest loss at epoch {best}, dashed)"
    style.legend_below(figure, handles, names)
    return figure


def _parts(history, parts) -> list[str]:
    known = [k for k in history if not k.startswith("val_") and k not in NO_PARTS]
    parts = list(known if parts is None else parts)
    missing = [part for part in parts if part not in history]
    if missing or not parts or not len(history[parts[0]]):
        raise DataError(
            f"training history: expected at least one epoch of {parts or 'some loss'},"
            f" received the columns {list(history)}",
            hint="Name columns that are there, or train for one epoch at least.",
        )
    return parts


def _curves(axes, history, part: str) -> None:
    curves = [("training", history[part], style.BLUE)]
    if f"val_{part}" in history:
        curves.append(("validation", history[f"val_{part}"], style.VERMILION))
    for name, values, colour in curves:
        epochs = np.arange(1, len(values) + 1)
        # A line through one to three epochs is hard to see without its points.
        marker = "o" if len(values) < 4 else None
        axes.plot(epochs, values, color=colour, label=name, marker=marker)
    shown = np.concatenate([np.asarray(values, float) for _, values, _ in curves])
    if np.nanmin(shown) > 0 and np.nanmax(shown) > 5 * np.nanmin(shown):
        axes.set_yscale("log")
        style.plain_log_ticks(axes.yaxis)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title(part.replace("_", " "), fontsize=10)


def _best_epoch(history) -> int | None:
    validation = history.get("val_loss")
    return None if validation is None else int(np.nanargmin(validation)) + 1

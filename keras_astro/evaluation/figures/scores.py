"""Distributions of several scores side by side, both classes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from keras_astro.evaluation import style
from keras_astro.metrics import auc


@style.styled
def score_distributions(
    labels,
    scores: Mapping[str, np.ndarray],
    *,
    thresholds: Mapping[str, float] | None = None,
    classes: tuple[str, str] = ("normal", "anomalous"),
) -> Figure:
    """One small histogram a score; logarithmic where values are positive and wide.

    Args:
        labels: `(row,)`, 1 anomalous, 0 normal.
        scores: Name (with its unit) to `(row,)`.
        thresholds: Name to the value above which a row is flagged.
        classes: Names of class 0 and class 1.

    Raises:
        DataError: If a class is absent or a score is not finite.

    Example:
        >>> figure = score_distributions([0, 1], {"residual": [1.0, 2.0]})
        >>> figure.axes[0].get_xlabel()
        'residual'
    """
    labels = np.asarray(labels)
    columns = style.panel_columns(len(scores))
    rows = math.ceil(len(scores) / columns)
    figure, grid = style.new_figure(
        rows, columns, width=3.3 * columns, height=2.7 * rows + 0.4, squeeze=False
    )
    panels = list(grid.flat)
    for axes, (name, values) in zip(panels, scores.items(), strict=False):
        _panel(axes, labels, np.asarray(values, dtype=float), classes)
        axes.set_xlabel(name)
        if thresholds and name in thresholds:
            axes.axvline(
                thresholds[name],
                color=style.INK,
                linewidth=1.1,
                linestyle=style.DASHES[0],
            )
    for axes in panels[len(scores) :]:
        axes.remove()
    for axes in grid[:, 0]:
        axes.set_ylabel("Fraction of class")
    handles, names = panels[0].get_legend_handles_labels()
    style.legend_below(figure, handles, names)
    return figure


def _panel(axes, labels, values, classes) -> None:
    area = auc(labels, values)
    edges, scale = _edges(values)
    for label, colour in ((0, style.NORMAL), (1, style.ANOMALOUS)):
        chosen = values[labels == label]
        axes.hist(
            chosen,
            edges,
            weights=np.full(chosen.size, 1.0 / chosen.size),
            histtype="stepfilled",
            color=colour,
            alpha=0.4,
            edgecolor=colour,
            linewidth=1.2,
            label=classes[label],
        )
    axes.set_xscale(scale)
    if scale == "log":
        # In a small panel the labels between two decades overlap.
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(f"AUC {area:.3f}", fontsize=10)
    axes.locator_params(axis="y", nbins=4)


def _edges(values: np.ndarray) -> tuple[np.ndarray, str]:
    # Beyond a factor of 20 a linear axis hides the bulk behind the tail.
    if values.min() > 0 and values.max() / values.min() > 20:
        return style.log_edges(values, bins=36), "log"
    low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, 37), "linear"

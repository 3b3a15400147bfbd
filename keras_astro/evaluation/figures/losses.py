"""Distribution of a reconstruction loss for normal and anomalous rows."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from keras_astro.errors import DataError
from keras_astro.evaluation import style
from keras_astro.metrics import auc


@style.styled
def loss_distribution(
    losses,
    labels,
    *,
    threshold: float | None = None,
    rate: float = 0.01,
    name: str = "Reconstruction loss",
    unit: str = "",
    classes: tuple[str, str] = ("normal", "anomalous"),
) -> Figure:
    """Histogram of a positive loss in both classes, log-x, with the threshold.

    Args:
        losses: `(row,)`, positive.
        labels: `(row,)`, 1 anomalous, 0 normal.
        threshold: Loss above which rows are flagged.
        rate: False positive rate that it was set for.
        name: What the loss is called.
        unit: Its unit, left out when empty.
        classes: Names of class 0 and class 1.

    Raises:
        DataError: If a loss is not positive and finite, or a class is absent.

    Example:
        >>> figure = loss_distribution([1.0, 2.0, 8.0, 9.0], [0, 0, 1, 1])
        >>> figure.axes[0].get_xscale()
        'log'
    """
    losses, labels = np.asarray(losses, dtype=float), np.asarray(labels)
    area = auc(labels, losses)
    if losses.min() <= 0:
        raise DataError(
            f"{name.lower()}: expected positive values for a logarithmic axis,"
            f" received {losses.min():.4g} as the smallest",
            hint="Lift zeros to something small: numpy.maximum(losses, 1e-12).",
        )
    figure, axes = style.new_figure(width=7.0, height=4.6)
    edges = style.log_edges(losses, bins=48)
    for value, colour in ((0, style.NORMAL), (1, style.ANOMALOUS)):
        chosen = losses[labels == value]
        text = f"{classes[value]} ({chosen.size:,} rows)"
        axes.hist(chosen, edges, color=colour, alpha=0.35, label=text)
        axes.hist(chosen, edges, histtype="step", color=colour, linewidth=1.5)
        caret = {"color": colour, "marker": 6, "markersize": 8, "clip_on": False}
        axes.plot(np.median(chosen), 0, **caret)
    if threshold is not None:
        share = [float((losses[labels == v] > threshold).mean()) for v in (0, 1)]
        text = (
            f"threshold for {style.percent(rate)} false positives: flags"
            f" {style.percent(share[0])} and {style.percent(share[1])}"
        )
        look = {"color": style.INK, "linewidth": 1.2, "linestyle": style.DASHES[0]}
        axes.axvline(threshold, label=text, **look)
    axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(f"{name} [{unit}]" if unit else name)
    axes.set_ylabel("Rows per bin")
    axes.set_title(f"{name} of both classes (AUC {area:.4f})")
    style.legend_below(figure, *axes.get_legend_handles_labels(), columns=1)
    return figure

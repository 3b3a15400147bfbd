"""Pulls: errors in units of the predicted error, against the unit Gaussian."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from keras_astro.evaluation import style

LIMIT = 6.0


@style.styled
def pull_histogram(
    pulls: Mapping[str, np.ndarray] | np.ndarray,
    *,
    name: str = "Einstein radius",
    reference: str = "truth",
) -> Figure:
    """Histogram of pulls, one outline a class, with the unit Gaussian.

    Args:
        pulls: Class name to `(row,)`, or one vector. Values beyond 6 sigma are
            counted in the outermost bin.
        name: The quantity.
        reference: What the estimate is compared with, e.g. "normal population".

    Example:
        >>> pull_histogram(np.zeros(3)).axes[0].get_ylabel()
        'Density'
    """
    groups = pulls if isinstance(pulls, Mapping) else {"all rows": pulls}
    figure, axes = style.new_figure(width=6.8, height=4.6)
    edges = np.linspace(-LIMIT, LIMIT, 61)
    for i, (group, values) in enumerate(groups.items()):
        values = np.asarray(values, dtype=float)
        colour = (style.NORMAL, style.ANOMALOUS, style.GREEN, style.PURPLE)[i % 4]
        axes.hist(
            np.clip(values, -LIMIT, LIMIT),
            edges,
            weights=np.full(values.size, 1.0 / values.size / (edges[1] - edges[0])),
            histtype="stepfilled",
            color=colour,
            alpha=0.35,
            edgecolor=colour,
            linewidth=1.2,
            label=_described(group, values),
        )
    grid = np.linspace(-LIMIT, LIMIT, 300)
    axes.plot(
        grid, norm.pdf(grid), color=style.INK, linewidth=1.4, label="unit Gaussian"
    )
    axes.set_xlim(-LIMIT, LIMIT)
    axes.set_ylim(0, None)
    axes.set_xlabel(f"Pull of {name}: (estimate − {reference}) / predicted error")
    axes.set_ylabel("Density")
    axes.set_title(f"{name}: pulls")
    style.legend_below(figure, *axes.get_legend_handles_labels(), columns=1)
    return figure


def _described(group: str, values: np.ndarray) -> str:
    text = f"{group}: mean {values.mean():.2f}, sd {values.std():.2f}"
    beyond = float((np.abs(values) > LIMIT).mean())
    if beyond:
        text += f", {style.percent(beyond)} beyond ±{LIMIT:g} (in the last bins)"
    return text.replace("-", "\u2212")

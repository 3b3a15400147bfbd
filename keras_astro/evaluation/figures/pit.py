"""Do predicted distributions have the right place and width? Their PIT is flat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import binom, kstest

from keras_astro.errors import DataError
from keras_astro.evaluation import style
from keras_astro.metrics.arrays import vector


@style.styled
def pit_histogram(pit: Mapping[str, np.ndarray], *, bins: int = 20) -> Figure:
    """Probability integral transforms, a panel a parameter.

    A hump in the middle means errors predicted too large, high ends too small, a slope
    a bias.

    Args:
        pit: Parameter to `(row,)`, probability below the truth.
        bins: Number of bins between 0 and 1.

    Raises:
        DataError: If there is no parameter, or a value is outside [0, 1].

    Example:
        >>> figure = pit_histogram({"radius": (np.arange(200) + 0.5) / 200})
        >>> figure.axes[0].get_ylabel()
        'Density'
    """
    if not pit:
        raise DataError(
            "PIT histogram: expected one parameter or more, received none",
            hint='Give an array by name, such as pit_histogram({"radius": pit}).',
        )
    columns = style.panel_columns(len(pit))
    lines = -(-len(pit) // columns)
    figure, axes = style.new_figure(
        lines,
        columns,
        width=3.4 * columns + 0.6,
        height=3.0 * lines + 0.5,
        squeeze=False,
        sharey=True,
    )
    tallest = max(
        _panel(panel, name, vector(name, values), bins)
        for panel, (name, values) in zip(axes.flat, pit.items(), strict=False)
    )
    axes.flat[0].set_ylim(0, 1.05 * tallest)
    for panel in axes[:, 0]:
        panel.set_ylabel("Density")
    for panel in axes.flat[len(pit) :]:
        panel.set_visible(False)
    handles, names = axes.flat[0].get_legend_handles_labels()
    style.legend_below(figure, handles, names)
    return figure


def _panel(axes, name: str, values: np.ndarray, bins: int) -> float:
    """Draws one parameter; returns the height it needs."""
    if values.min() < 0.0 or values.max() > 1.0:
        raise DataError(
            f"PIT of {name}: expected values in [0, 1], received"
            f" [{values.min():.4g}, {values.max():.4g}]",
            hint="Make them with keras_astro.metrics.pit(truth, prediction, sigma).",
        )
    edges = np.linspace(0.0, 1.0, bins + 1)
    counts, _ = np.histogram(values, edges)
    low, high = binom.interval(0.95, values.size, 1.0 / bins)
    per_row = bins / values.size
    axes.axhspan(
        low * per_row,
        high * per_row,
        color=style.MIST,
        linewidth=0,
        label="95 % of bins if honest",
    )
    axes.axhline(1.0, color=style.GREY, linewidth=1.0)
    axes.stairs(
        counts * per_row, edges, color=style.NORMAL, linewidth=1.6, label="measured"
    )
    axes.set_xlim(0, 1)
    axes.set_xlabel("Probability below the truth")
    test = kstest(values, "uniform")
    axes.set_title(name)
    axes.text(
        0.5,
        0.04,
        f"{values.size:,} rows, KS p = {test.pvalue:.2g}",
        transform=axes.transAxes,
        ha="center",
        fontsize=9,
    )
    return max(counts.max(), high) * per_row

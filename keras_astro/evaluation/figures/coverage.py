"""Do credible intervals hold the truth as often as they promise?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import binom, norm

from keras_astro.evaluation import style

LEVELS = np.linspace(0.01, 0.99, 99)


@style.styled
def coverage_curve(pulls: Mapping[str, np.ndarray]) -> Figure:
    """Nominal against measured coverage of Gaussian intervals, a line a parameter.

    Args:
        pulls: Parameter to `(row,)`, errors in units of the predicted error.

    Example:
        >>> figure = coverage_curve({"radius": np.linspace(-2, 2, 50)})
        >>> figure.axes[0].get_ylabel()
        'Truths inside'
    """
    figure, axes = style.new_figure(width=5.2, height=4.9 + 0.22 * len(pulls))
    rows = min(np.size(values) for values in pulls.values())
    low, high = binom.interval(0.95, rows, LEVELS)
    axes.fill_between(
        LEVELS,
        low / rows,
        high / rows,
        color=style.MIST,
        linewidth=0,
        label=f"95 % band if honest ({rows:,} rows)",
    )
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=1.0)
    half = norm.ppf(0.5 + LEVELS / 2.0)
    for i, (name, values) in enumerate(pulls.items()):
        size = np.sort(np.abs(np.asarray(values, dtype=float)))
        measured = np.searchsorted(size, half, side="right") / size.size
        at = [float((size <= norm.ppf(0.5 + p / 2)).mean()) for p in (0.68, 0.95)]
        axes.plot(
            LEVELS,
            measured,
            color=style.CYCLE[i % len(style.CYCLE)],
            label=f"{name}: 68 % holds {style.percent(at[0])},"
            f" 95 % holds {style.percent(at[1])}",
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("Nominal probability of the interval")
    axes.set_ylabel("Truths inside")
    axes.set_title("Coverage of the error bars")
    style.legend_below(figure, *axes.get_legend_handles_labels(), columns=1)
    return figure

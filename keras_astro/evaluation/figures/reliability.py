"""Do predicted probabilities come true as often as they say?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from keras_astro.errors import DataError
from keras_astro.evaluation import style
from keras_astro.metrics.intervals import binomial_interval
from keras_astro.metrics.reliability import Reliability


@style.styled
def reliability_diagram(found: Mapping[str, Reliability]) -> Figure:
    """Predicted probability against observed frequency, with the rows of each bin.

    Points below the diagonal are overconfident. Bars are exact 95 % intervals.

    Args:
        found: Name of a classifier, class or calibration to its `Reliability`.

    Raises:
        DataError: If there is nothing to draw.

    Example:
        >>> from keras_astro.metrics import reliability
        >>> figure = reliability_diagram({"real": reliability([0, 1], [0.1, 0.9])})
        >>> figure.axes[0].get_ylabel()
        'Observed frequency'
    """
    if not found:
        raise DataError(
            "reliability diagram: expected one curve or more, received none",
            hint="Give a curve by name, made with keras_astro.metrics.reliability.",
        )
    figure, (top, bottom) = style.new_figure(
        2,
        1,
        width=5.2,
        height=5.9 + 0.22 * len(found),
        sharex=True,
        gridspec_kw={"height_ratios": (3.2, 1.0)},
    )
    top.plot([0, 1], [0, 1], color=style.GREY, linewidth=1.0)
    for i, (name, curve) in enumerate(found.items()):
        colour = style.CYCLE[i % len(style.CYCLE)]
        _curve(top, name, curve, colour)
        bottom.plot(
            curve.probability,
            curve.rows,
            color=colour,
            marker="o",
            markersize=3.5,
            linewidth=1.2,
        )
    top.set_xlim(0, 1)
    top.set_ylim(0, 1)
    top.set_ylabel("Observed frequency")
    top.set_title("Reliability of probabilities")
    bottom.set_yscale("log")
    bottom.set_ylabel("Rows")
    bottom.set_xlabel("Predicted probability")
    style.legend_below(figure, *top.get_legend_handles_labels(), columns=1)
    return figure


def _curve(axes, name: str, curve: Reliability, colour: str) -> None:
    counts = np.rint(curve.frequency * curve.rows).astype(int)
    ends = [
        binomial_interval(int(count), int(rows))
        for count, rows in zip(counts, curve.rows, strict=True)
    ]
    bars = [
        [end.value - end.low for end in ends],
        [end.high - end.value for end in ends],
    ]
    axes.errorbar(
        curve.probability,
        curve.frequency,
        yerr=bars,
        color=colour,
        marker="o",
        markersize=4.5,
        linewidth=1.4,
        elinewidth=0.9,
        capsize=2,
        label=f"{name}: calibration error {style.percent(curve.calibration_error)}",
    )

"""Detection rate against a covariate such as the subhalo mass."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.metrics import DetectionCurve


@style.styled
def detection_against(
    curves: Mapping[str, DetectionCurve],
    *,
    covariate: str = "Subhalo mass fraction",
    unit: str = "",
    rate: float = 0.01,
    log: bool = False,
) -> Figure:
    """Detection curves with binomial intervals, one a score.

    Args:
        curves: Name to curve, the main one first.
        covariate: What was binned.
        unit: Its unit, left out of the label when empty.
        rate: The false positive rate at which the threshold stands.
        log: Logarithmic covariate axis.

    Example:
        >>> from keras_astro.metrics import detection_curve
        >>> curve = detection_curve([0, 2, 3, 4], [1, 2, 3, 4], threshold=1, bins=2)
        >>> detection_against({"score": curve}).axes[0].get_ylabel()
        'Fraction detected'
    """
    figure, axes = style.new_figure(width=7.0, height=4.4)
    for i, (name, curve) in enumerate(curves.items()):
        colour = style.CYCLE[i % len(style.CYCLE)]
        axes.errorbar(
            curve.centre,
            curve.rate,
            yerr=[curve.rate - curve.low, curve.high - curve.rate],
            color=colour,
            marker="o",
            markersize=5,
            linewidth=1.6,
            elinewidth=1.1,
            capsize=2.5,
            label=name,
        )
        if i == 0:
            spans = (curve.rate, curve.low_edge, curve.high_edge)
            axes.hlines(*spans, color=colour, alpha=0.25, linewidth=5)
    axes.axhline(
        rate,
        color=style.GREY,
        linewidth=1.1,
        linestyle=style.DASHES[0],
        label="nothing but false positives",
    )
    if log:
        axes.set_xscale("log")
    axes.set_ylim(-0.02, 1.03)
    axes.set_xlabel(f"{covariate} [{unit}]" if unit else covariate)
    axes.set_ylabel("Fraction detected")
    rows = int(next(iter(curves.values())).count.sum())
    axes.set_title(
        f"Detection at {style.percent(rate)} false positives ({rows:,} anomalous rows)"
    )
    style.legend_below(figure, *axes.get_legend_handles_labels(), columns=3)
    return figure

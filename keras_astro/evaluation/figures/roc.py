"""ROC of one or several scores, linear and on a logarithmic false positive axis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.metrics import auc_interval, roc_curve, tpr_at_fpr


@style.styled
def roc(
    labels,
    scores: Mapping[str, np.ndarray],
    *,
    baselines: Mapping[str, np.ndarray] | None = None,
    rate: float = 0.01,
    seed: int = 0,
) -> Figure:
    """ROC curves with AUC and interval; the right panel shows small false positives.

    Args:
        labels: `(row,)`, 1 anomalous, 0 normal.
        scores: Name to `(row,)` of the model's scores, the main one first.
        baselines: Name to `(row,)` of scores to beat, drawn grey and dashed.
        rate: False positive rate marked in the right panel.
        seed: Seed of the bootstrap.

    Raises:
        DataError: If a class is absent or a score is not finite.

    Example:
        >>> figure = roc([0, 0, 1, 1], {"score": [0.1, 0.4, 0.3, 0.8]})
        >>> figure.axes[1].get_xscale()
        'log'
    """
    drawn = _looks(scores, baselines or {})
    figure, (left, right) = style.new_figure(
        1, 2, width=9.4, height=4.5 + 0.22 * len(drawn)
    )
    floor = 1.0 / int(np.sum(np.asarray(labels) == 0))
    for name, (values, look) in drawn.items():
        curve = roc_curve(labels, values)
        area = auc_interval(labels, values, seed=seed)
        power = tpr_at_fpr(labels, values, rate=rate)
        text = (
            f"{name}: AUC {area.value:.4f} [{area.low:.4f}, {area.high:.4f}],"
            f" TPR {style.percent(power)} at {style.percent(rate)} FPR"
        )
        left.plot(curve.fpr, curve.tpr, **look, label=text)
        # A logarithmic axis has no zero; the first step starts off its left end.
        shown = np.maximum(curve.fpr, floor / 2.0)
        right.plot(shown, curve.tpr, **look, drawstyle="steps-post")
    diagonal = np.geomspace(floor / 2.0, 1.0, 200)
    for axes in (left, right):
        axes.plot(diagonal, diagonal, color=style.MIST, linewidth=1.2, zorder=0)
        axes.set_xlabel("False positive rate")
        axes.set_ylim(-0.01, 1.01)
    left.set_xlim(-0.01, 1.01)
    left.set_ylabel("True positive rate")
    left.set_title("ROC")
    right.axvline(rate, color=style.INK, linewidth=1.0, linestyle=style.DASHES[0])
    right.set_xscale("log")
    right.set_xlim(floor, 1.0)
    right.set_title("The same at few false positives")
    style.legend_below(figure, *left.get_legend_handles_labels(), columns=1)
    return figure


def _looks(scores: Mapping, baselines: Mapping) -> dict:
    """Values and line style by name: scores in colour, baselines grey and dashed."""
    looks = {}
    for i, (name, values) in enumerate(scores.items()):
        look = {"color": style.CYCLE[i % len(style.CYCLE)], "linewidth": 2.0}
        looks[name] = (values, look)
    for i, (name, values) in enumerate(baselines.items()):
        dashes = style.DASHES[i % len(style.DASHES)]
        look = {"color": style.GREY, "linewidth": 1.4, "linestyle": dashes}
        looks[name] = (values, look)
    return looks

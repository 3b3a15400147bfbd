"""Truth against estimate, with residuals below."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.metrics import bias, rmse, sigma_nmad


@style.styled
def parity(
    truth,
    prediction,
    *,
    name: str,
    unit: str = "",
    errors=None,
    values=None,
    value_name: str = "",
) -> Figure:
    """Scatter of estimate against truth, residuals below, robust limits.

    Args:
        truth: `(row,)`.
        prediction: `(row,)`.
        name: The parameter.
        unit: Its unit, left out of labels when empty.
        errors: `(row,)` predicted sd, drawn as bars for at most 300 rows.
        values: `(row,)` to colour by; `value_name` says what they are.
        value_name: With its unit.

    Raises:
        DataError: If the vectors do not match or are not finite.

    Example:
        >>> parity([1.0, 2.0], [1.1, 1.9], name="n").axes[0].get_ylabel()
        'Estimated n'
    """
    scatter, offset = rmse(truth, prediction), bias(truth, prediction)
    truth, prediction = np.asarray(truth, float), np.asarray(prediction, float)
    residual = prediction - truth
    suffix = f" [{unit}]" if unit else ""
    figure, (top, bottom) = style.new_figure(
        2, 1, width=5.4, height=6.0, sharex=True, height_ratios=[3, 1.1]
    )
    panels = ((top, prediction), (bottom, residual))
    size = float(np.clip(6000 / truth.size, 4, 26))
    look = {"s": size, "alpha": 0.6, "linewidths": 0, "rasterized": True}
    look |= (
        {"color": style.NORMAL}
        if values is None
        else {"c": values, "cmap": style.VALUE_MAP}
    )
    for axes, shown in panels:
        points = axes.scatter(truth, shown, **look)
        if errors is not None and truth.size <= 300:
            bars = {"fmt": "none", "ecolor": style.GREY, "elinewidth": 0.7}
            axes.errorbar(truth, shown, yerr=errors, zorder=0, **bars)
    if values is not None:
        style.colour_bar(points, [top, bottom], value_name)
    outside = _limits(top, bottom, truth, prediction)
    top.set_ylabel(f"Estimated {name}{suffix}")
    bottom.set(xlabel=f"True {name}{suffix}", ylabel=f"Residual{suffix}")
    top.set_title(f"{name}: RMSE {style.short(scatter)} {unit}".rstrip())
    robust = style.short(sigma_nmad(truth, prediction))
    text = f"bias {style.short(offset)}\nσ NMAD {robust}\n{truth.size:,} rows"
    text += f", {outside:,} beyond the residual axis" if outside else ""
    top.text(0.03, 0.97, text, transform=top.transAxes, va="top", fontsize=9)
    return figure


def _limits(top, bottom, truth, prediction) -> int:
    """Sets limits that wild estimates do not stretch; counts those left outside."""
    low, high = float(np.min(truth)), float(np.max(truth))
    margin = 0.04 * (high - low) or 0.5
    ends = (low - margin, high + margin)
    top.plot(ends, ends, color=style.INK, linewidth=1.0)
    bottom.axhline(0.0, color=style.INK, linewidth=1.0)
    limit = 1.6 * np.percentile(np.abs(prediction - truth), 97) or 1.0
    bottom.set_ylim(-limit, limit)
    top.set_xlim(*ends)
    top.set_ylim(low - max(limit, margin), high + max(limit, margin))
    return int(np.sum(np.abs(prediction - truth) > limit))

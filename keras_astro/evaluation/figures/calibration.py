"""Are p-values what they say? Nominal against realised false positive rate."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.metrics import uniformity_band, uniformity_test


@style.styled
def p_value_calibration(
    p_values, *, calibration_size: int, rates: tuple[float, ...] = (0.01, 0.05, 0.1)
) -> Figure:
    """P-values of normal rows: fraction flagged against nominal rate, log and linear.

    Args:
        p_values: `(row,)` of normal test rows.
        calibration_size: Number of calibration rows behind the p-values.
        rates: Nominal rates whose realised rates are printed.

    Raises:
        DataError: If p-values are empty, not finite or outside [0, 1].

    Example:
        >>> p = (np.arange(200) + 0.5) / 200
        >>> figure = p_value_calibration(p, calibration_size=500)
        >>> figure.axes[0].get_xscale()
        'log'
    """
    p_values = np.sort(np.asarray(p_values, dtype=float))
    test = uniformity_test(p_values, calibration_size=calibration_size)
    figure, (left, right) = style.new_figure(1, 2, width=9.2, height=4.0)
    _rates(left, p_values, calibration_size)
    lines = ["asked → delivered"] + [
        f"{style.percent(rate)} → {style.percent(np.mean(p_values <= rate))}"
        for rate in rates
    ]
    left.text(
        0.97, 0.05, "\n".join(lines), transform=left.transAxes, ha="right", fontsize=9
    )
    left.set_title("Rate asked for and rate delivered")
    _density(right, p_values, calibration_size)
    right.set_title(f"Uniformity: KS {test.statistic:.3f}, p = {test.p_value:.2g}")
    return figure


def _rates(axes, p_values, calibration_size) -> None:
    floor = 1.0 / (calibration_size + 1)
    smallest = min(floor, 1.0 / p_values.size) / 2.0
    levels = np.unique(
        np.concatenate([np.geomspace(floor, 1.0, 160), np.linspace(floor, 1.0, 100)])
    )
    band = uniformity_band(
        levels, rows=p_values.size, calibration_size=calibration_size
    )
    realised = np.searchsorted(p_values, levels, side="right") / p_values.size
    # A logarithmic axis has no zero; what is zero is drawn below its lower end.
    low, high, shown = (
        np.maximum(v, smallest / 2) for v in (band.low, band.high, realised)
    )
    axes.fill_between(
        levels,
        low,
        high,
        color=style.MIST,
        linewidth=0,
        label="95 % band if calibrated",
    )
    axes.plot(levels, levels, color=style.GREY, linewidth=1.0)
    axes.plot(levels, shown, color=style.NORMAL, label="realised")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(floor, 1.0)
    axes.set_ylim(smallest, 1.3)
    axes.set_xlabel("Nominal false positive rate")
    axes.set_ylabel("Realised on normal test rows")
    axes.legend(loc="upper left")


def _density(axes, p_values, calibration_size) -> None:
    bins = 20
    edges = np.linspace(0.0, 1.0, bins + 1)
    counts, _ = np.histogram(p_values, edges)
    share = 1.0 / bins
    # Bin counts vary with the test rows and with the shared calibration rows.
    variance = share * (1 - share) * (1 / p_values.size + 1 / calibration_size)
    spread = 1.96 * np.sqrt(variance) / share
    axes.axhspan(1 - spread, 1 + spread, color=style.MIST, linewidth=0)
    axes.axhline(1.0, color=style.GREY, linewidth=1.0)
    axes.stairs(
        counts / p_values.size / share, edges, color=style.NORMAL, linewidth=1.6
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, None)
    axes.set_xlabel("p-value of normal test rows")
    axes.set_ylabel("Density")

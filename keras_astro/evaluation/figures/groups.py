"""Error of each row by group, beside that of a baseline."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style


@style.styled
def error_by_group(
    errors: Mapping[str, np.ndarray],
    groups: Mapping[str, np.ndarray],
    *,
    name: str = "Mean squared error",
) -> Figure:
    """A strip of points for each group and method, with medians and means.

    Args:
        errors: `(row,)` of each method, positive.
        groups: `(row,)` of booleans by group; empty groups are left out.
        name: Of the error.

    Example:
        >>> figure = error_by_group(
        ...     {"ours": np.ones(3)}, {"all": np.ones(3, bool)}, name="Loss"
        ... )
        >>> figure.axes[0].get_xlabel()
        'Loss'
    """
    kept = {k: v for k, v in groups.items() if np.any(v)}
    height = 0.42 * len(errors) * len(kept) + 1.7
    figure, axes = style.new_figure(width=7.4, height=height)
    rng = np.random.default_rng(0)
    ticks, labels, place = [], [], 0.0
    for group, member in kept.items():
        first = place
        for number, (method, values) in enumerate(errors.items()):
            shown = np.maximum(np.asarray(values, float)[member], 1e-12)
            colour = style.CYCLE[(number + 1) % len(style.CYCLE)]
            spread = place + rng.uniform(-0.22, 0.22, shown.size)
            axes.scatter(shown, spread, s=7, color=colour, alpha=0.45, linewidths=0)
            axes.plot(np.median(shown), place, "|", color=style.INK, markersize=15)
            axes.plot(
                shown.mean(), place, "D", color=colour, markersize=6, mec=style.INK
            )
            if group == next(iter(kept)):
                axes.plot([], [], "o", color=colour, label=method)
            place += 0.62
        ticks.append((first + place - 0.62) / 2)
        labels.append(f"{group}\n({np.sum(member):,})")
        place += 0.5
    axes.plot([], [], "D", color="none", mec=style.INK, label="mean")
    axes.plot([], [], "|", color=style.INK, markersize=12, label="median", lw=0)
    axes.set_xscale("log")
    axes.set_yticks(ticks, labels)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_xlabel(name)
    style.legend_below(figure, *axes.get_legend_handles_labels(), columns=5)
    return figure

"""Equivalent widths of reconstructions against those of the data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style

MOST = 6


@style.styled
def equivalent_width_bias(
    widths: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> Figure:
    """Difference of equivalent widths against the width itself, a colour a line.

    Args:
        widths: For each line rest widths in angstrom of the data and of the
            reconstruction, `(row,)` each; the six strongest lines are drawn.

    Example:
        >>> pair = np.array([0.1, 0.2]), np.array([0.1, 0.3])
        >>> equivalent_width_bias({"H I 1215": pair}).axes[0].get_xlabel()
        'Rest equivalent width of the data [Å]'
    """
    strongest = sorted(widths, key=lambda name: -np.mean(widths[name][0]))[:MOST]
    figure, axes = style.new_figure(width=7.2, height=4.6)
    differences = []
    for name, colour in zip(strongest, style.CYCLE, strict=False):
        data, model = widths[name]
        difference = 1e3 * (model - data)
        differences.append(difference)
        text = f"{name}: bias {style.short(difference.mean())} mÅ"
        axes.scatter(
            np.maximum(data, 1e-3),
            difference,
            s=11,
            color=colour,
            alpha=0.6,
            linewidths=0,
            label=text,
        )
    axes.axhline(0.0, color=style.INK, linewidth=1.0)
    limit = 1.3 * np.percentile(np.abs(np.concatenate(differences)), 98)
    axes.set_ylim(-max(limit, 0.1), max(limit, 0.1))
    axes.set_xscale("log")
    axes.set_xlabel("Rest equivalent width of the data [Å]")
    axes.set_ylabel("Reconstruction − data [mÅ]")
    style.legend_below(figure, *axes.get_legend_handles_labels(), columns=2)
    return figure

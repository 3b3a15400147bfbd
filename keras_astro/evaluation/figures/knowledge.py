"""How much of each physical parameter the latents hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.evaluation.latent_physics import PARAMETERS, Known

# Below this a parameter is not recoverable from the latents.
USELESS = 0.2


@style.styled
def latent_knowledge(known: Mapping[str, Known]) -> Figure:
    """Bars of R^2 of each parameter, by a linear and by a free regression.

    Args:
        known: As from `known_parameters`.

    Example:
        >>> latent_knowledge({"metallicity": Known(0.1, 0.4)}).axes[0].get_xlabel()
        'R² on test rows'
    """
    order = sorted(known, key=lambda name: -known[name].trees)
    figure, axes = style.new_figure(width=7.0, height=0.44 * len(order) + 1.5)
    places = np.arange(len(order))
    for offset, field, colour in (
        (-0.18, "trees", style.BLUE),
        (0.18, "linear", style.SKY),
    ):
        values = [max(getattr(known[name], field), 0.0) for name in order]
        label = "any function (trees)" if field == "trees" else "linear"
        axes.barh(places + offset, values, height=0.34, color=colour, label=label)
    for place, name in enumerate(order):
        value = known[name].trees
        text = "not recoverable" if value < USELESS else f"{value:.2f}"
        axes.text(
            max(value, 0.0) + 0.015, place - 0.18, text, va="center", fontsize=8.5
        )
    axes.set_yticks(places, [PARAMETERS[name] for name in order])
    axes.invert_yaxis()
    axes.set_xlim(0.0, 1.1)
    axes.grid(False, axis="y")
    axes.set_xlabel("R² on test rows")
    style.legend_below(figure, *axes.get_legend_handles_labels())
    return figure

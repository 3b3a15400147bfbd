"""Latents in two dimensions, coloured by class and by score."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.metrics import active_units, latent_pca


@style.styled
def latent_map(
    latents,
    labels=None,
    values=None,
    *,
    value_name: str = "Anomaly score",
    log_values: bool = False,
    classes: tuple[str, ...] = ("normal", "anomalous"),
    most: int = 4000,
    seed: int = 0,
) -> Figure:
    """Principal-component map of latents: left by class, right by a value.

    Args:
        latents: `(row, latent)`.
        labels: `(row,)` class numbers; without them the left panel is left out.
        values: `(row,)`, e.g. the score; without them the right panel is left out.
        value_name: With its unit.
        log_values: Colour by the logarithm of (positive) values.
        classes: Names of class 0, class 1, ...
        most: Draw at most that many rows, chosen at random by `seed`.
        seed: Seed of the choice.

    Raises:
        DataError: If latents are not a finite table.

    Example:
        >>> figure = latent_map([[0.0, 1.0], [2.0, 0.0]], labels=[0, 1])
        >>> figure.axes[0].get_xlabel()
        'PC 1 (100 % of variance)'
    """
    latents = np.asarray(latents, dtype=float)
    view = latent_pca(latents)
    # A random order keeps one class from being painted over the other.
    order = np.random.default_rng(seed).permutation(len(latents))[:most]
    x, y = view.coordinates[order].T
    count = max((labels is not None) + (values is not None), 1)
    figure, panels = style.new_figure(
        1, count, width=4.7 * count, height=4.5, squeeze=False
    )
    panels = panels[0]
    size = float(np.clip(9000 / len(order), 5, 28))
    look = {"s": size, "linewidths": 0, "alpha": 0.65, "rasterized": True}
    if labels is not None:
        paint_classes(panels[0], x, y, np.asarray(labels)[order], classes, look)
        style.legend_below(figure, *panels[0].get_legend_handles_labels(), columns=4)
    if values is not None:
        shown = np.asarray(values, dtype=float)[order]
        _by_value(panels[-1], x, y, shown, value_name, log_values, look)
    if labels is None and values is None:
        panels[0].scatter(x, y, color=style.BLUE, **look)
    names = [
        f"PC {i} ({style.percent(round(share, 2))} of variance)"
        for i, share in enumerate(view.explained, start=1)
    ]
    for axes in panels:
        axes.set(xlabel=names[0], ylabel=names[1])
    text = f"{latents.shape[1]} latents, {active_units(latents)} active"
    figure.suptitle(text, x=0.01, ha="left", fontsize=9.5, color=style.GREY)
    return figure


def paint_classes(axes, x, y, labels, classes, look) -> None:
    """Points of each class in its colour, with their numbers for a legend."""
    pair = (style.NORMAL, style.ANOMALOUS)
    colours = pair if len(classes) <= 2 else style.CYCLE
    numbers = labels.astype(int)
    axes.scatter(x, y, color=[colours[n % len(colours)] for n in numbers], **look)
    for number, name in enumerate(classes):
        axes.plot(
            [],
            [],
            "o",
            color=colours[number % len(colours)],
            label=f"{name} ({np.sum(numbers == number):,})",
        )
    axes.set_title("By class")


def _by_value(axes, x, y, values, name, logarithmic, look) -> None:
    norm = _norm(values, logarithmic)
    points = axes.scatter(x, y, c=values, norm=norm, cmap=style.VALUE_MAP, **look)
    style.colour_bar(points, axes, name)
    axes.set_title(f"By {name[0].lower()}{name[1:]}")


def _norm(values, log_values):
    from matplotlib.colors import LogNorm, Normalize

    # A few extreme rows must not take the whole colour scale.
    low, high = np.percentile(values, [1, 99])
    return LogNorm(low, high) if log_values else Normalize(low, high)

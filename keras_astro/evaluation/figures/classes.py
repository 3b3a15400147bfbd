"""Figures of classifiers: confusion matrix, reliability by class, worst errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.metrics.reliability import reliability


@style.styled
def confusion_matrix(table: np.ndarray, classes: Sequence[str]) -> Figure:
    """Rows by true and by predicted class: share of the true class, and counts.

    Args:
        table: Counts, `(class, class)`, true class first.
        classes: Names.

    Example:
        >>> figure = confusion_matrix(np.eye(2, dtype=int), ["a", "b"])
        >>> figure.axes[0].get_xlabel()
        'Predicted class'
    """
    counts = np.asarray(table)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 1.5 + 0.85 * len(classes)
    figure, axes = style.new_figure(width=size + 0.9, height=size)
    shown = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, origin="upper")
    for (row, column), value in np.ndenumerate(share):
        axes.text(
            column,
            row,
            f"{value:.0%}\n{counts[row, column]}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if value > 0.6 else style.INK,
        )
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="Predicted class", ylabel="True class")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    style.colour_bar(shown, axes, "Share of the true class")
    return figure


@style.styled
def class_reliability(
    probabilities: np.ndarray, truth: np.ndarray, classes: Sequence[str]
) -> Figure:
    """Probability given to each class against how often it was true.

    Args:
        probabilities: `(row, class)`.
        truth: `(row,)` class numbers.
        classes: Names.

    Example:
        >>> p = np.random.default_rng(0).dirichlet([1, 1], 50)
        >>> figure = class_reliability(p, np.arange(50) % 2, ["a", "b"])
        >>> len(figure.axes)
        2
    """
    count = len(classes)
    figure, grid = style.new_figure(
        1, count, width=2.5 * count, height=3.0, squeeze=False, sharey=True
    )
    for number, (axes, name) in enumerate(zip(grid[0], classes, strict=True)):
        is_class = np.asarray(truth) == number
        found = reliability(is_class, probabilities[:, number], bins=8, equal_rows=True)
        spread = np.maximum(found.frequency * (1 - found.frequency), 0.02)
        error = np.sqrt(spread / found.rows)
        axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle="--")
        axes.errorbar(
            found.probability,
            found.frequency,
            yerr=error,
            fmt="o-",
            color=style.CYCLE[number % len(style.CYCLE)],
            markersize=4,
        )
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.05, 1.05), title=name)
        axes.set_xlabel("Probability")
    grid[0][0].set_ylabel("Share of rows of the class")
    return figure


@style.styled
def stamp_gallery(stamps: np.ndarray, titles: Sequence[str]) -> Figure:
    """Science, template and difference stamps of some alerts, one column each.

    Args:
        stamps: `(row, y, x, 3)` raw, NaN where there is no data.
        titles: A text for each row.

    Example:
        >>> cube = np.random.default_rng(0).normal(size=(2, 9, 9, 3))
        >>> len(stamp_gallery(cube, ["first", "second"]).axes)
        6
    """
    count = len(stamps)
    figure, grid = style.new_figure(
        3, count, width=1.25 * count + 0.6, height=4.6, squeeze=False
    )
    for column, (stamp, title) in enumerate(zip(stamps, titles, strict=True)):
        scale = _noise(stamp[..., 2])
        for channel, axes in enumerate(grid[:, column]):
            image = stamp[..., channel]
            level = np.nanmedian(image) if np.isfinite(image).any() else 0.0
            bright = np.arcsinh((image - level) / scale)
            axes.imshow(bright, cmap=style.IMAGE_MAP, vmin=-2, vmax=6)
            axes.set_facecolor(style.MIST)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(False)
            axes.spines[:].set_visible(False)
        grid[0, column].set_title(title, fontsize=8, fontweight="normal", loc="center")
    for axes, name in zip(
        grid[:, 0], ("Science", "Template", "Difference"), strict=True
    ):
        axes.set_ylabel(name, fontweight="bold")
    return figure


def _noise(difference: np.ndarray) -> float:
    values = difference[np.isfinite(difference)]
    if not values.size:
        return 1.0
    return max(1.4826 * float(np.median(np.abs(values - np.median(values)))), 1e-6)

"""One object's posterior in all pairs of its parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style

# Contours of a Gaussian in two dimensions that hold 68 and 95 %.
RADII = (1.515, 2.448)


@style.styled
def posterior_pairs(
    draws: np.ndarray,
    names: Sequence[str],
    *,
    truth: np.ndarray,
    bound: np.ndarray,
    title: str = "",
) -> Figure:
    """One object's posterior in all pairs of parameters, with truth and bound.

    Args:
        draws: `(draw, parameter)`.
        names: Of the parameters, with units.
        truth: `(parameter,)`.
        bound: Cramer-Rao covariance at the truth, `(parameter, parameter)`.
        title: What object it is.

    Example:
        >>> draws = np.random.default_rng(0).normal(size=(50, 2))
        >>> figure = posterior_pairs(
        ...     draws, ["a", "b"], truth=np.zeros(2), bound=np.eye(2)
        ... )
        >>> len(figure.axes)
        4
    """
    size = len(names)
    figure, axes = style.new_figure(size, size, width=1.9 * size, height=1.75 * size)
    limits = [np.percentile(draws[:, i], (0.2, 99.8)) for i in range(size)]
    handles = []
    for i in range(size):
        for j in range(size):
            axis = axes[i, j]
            if j > i:
                axis.set_visible(False)
                continue
            span = 0.04 * np.ptp(limits[j])
            axis.set_xlim(limits[j][0] - span, limits[j][1] + span)
            if i == j:
                _marginal(axis, draws[:, i], truth[i], bound[i, i])
            else:
                handles = _pair(axis, draws[:, [j, i]], truth[[j, i]], bound, (j, i))
                axis.set_ylim(*limits[i])
            _label(axis, i, j, names)
    style.legend_below(figure, handles, [h.get_label() for h in handles], columns=3)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)
    return figure


def _marginal(axis, values, truth, variance) -> None:
    grid = np.linspace(*axis.get_xlim(), 200)
    axis.hist(values, 40, density=True, color=style.NORMAL, alpha=0.45)
    gauss = np.exp(-0.5 * (grid - truth) ** 2 / variance)
    axis.plot(
        grid, gauss / np.sqrt(2 * np.pi * variance), color=style.AMBER, linewidth=1.4
    )
    axis.axvline(truth, color=style.VERMILION, linewidth=1.2)
    axis.set_yticks([])


def _pair(axis, values, truth, bound, which) -> list:
    points = axis.scatter(
        *values[:2000].T,
        s=2,
        alpha=0.25,
        color=style.NORMAL,
        linewidths=0,
        rasterized=True,
        label="posterior",
    )
    part = np.linalg.cholesky(bound[np.ix_(which, which)])
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    for radius in RADII:
        (ellipse,) = axis.plot(
            *(truth[:, None] + radius * part @ circle),
            color=style.AMBER,
            linewidth=1.2,
            label="Cramér-Rao bound, 68 and 95 %",
        )
    (cross,) = axis.plot(
        *truth, "+", color=style.VERMILION, markersize=9, mew=1.6, label="truth"
    )
    return [points, ellipse, cross]


def _label(axis, i, j, names) -> None:
    last = len(names) - 1
    axis.tick_params(labelsize=7)
    if i == last:
        axis.set_xlabel(names[j], fontsize=8.5)
    else:
        axis.tick_params(labelbottom=False)
    if j == 0 and i:
        axis.set_ylabel(names[i], fontsize=8.5)
    else:
        axis.tick_params(labelleft=False)

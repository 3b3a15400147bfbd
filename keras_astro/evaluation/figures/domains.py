"""Codes of two domains on common axes, before and after one was moved."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.metrics import latent_pca


@style.styled
def domain_map(
    panels: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    names: tuple[str, str] = ("synthetic", "observed"),
    seed: int = 0,
) -> Figure:
    """Principal components of all codes together, a panel to a pair of domains.

    Args:
        panels: Title to the codes of both domains, each `(row, latent)`.
        names: Of the domains.
        seed: Of the order of painting.

    Raises:
        DataError: If codes are not finite tables.

    Example:
        >>> codes = np.eye(3)
        >>> figure = domain_map({"Before": (codes, codes + 1), "After": (codes, codes)})
        >>> [axes.get_title(loc="left") for axes in figure.axes]
        ['Before', 'After']
    """
    sets = [np.asarray(c, float) for pair in panels.values() for c in pair]
    view = latent_pca(np.concatenate(sets))
    parts = np.split(view.coordinates, np.cumsum([len(s) for s in sets])[:-1])
    figure, axes = style.new_figure(
        1,
        len(panels),
        width=4.7 * len(panels),
        height=4.5,
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    colours = np.array([style.NORMAL, style.ANOMALOUS])
    for i, (title, place) in enumerate(zip(panels, axes[0], strict=True)):
        pair = parts[2 * i : 2 * i + 2]
        points = np.concatenate(pair)
        owner = np.repeat([0, 1], [len(p) for p in pair])
        # A random order keeps one domain from being painted over the other.
        order = np.random.default_rng(seed).permutation(len(points))
        place.scatter(
            *points[order].T,
            color=colours[owner[order]],
            s=10,
            linewidths=0,
            alpha=0.65,
            rasterized=True,
        )
        first, second = view.explained[:2]
        place.set(
            title=title, xlabel=f"PC 1 ({style.percent(round(first, 2))} of variance)"
        )
    axes[0, 0].set_ylabel(f"PC 2 ({style.percent(round(second, 2))} of variance)")
    for name, colour in zip(names, colours, strict=True):
        axes[0, 0].plot([], [], "o", color=colour, label=name)
    style.legend_below(figure, *axes[0, 0].get_legend_handles_labels())
    return figure

"""Rows of an embedding in a plane that keeps neighbours together."""

from __future__ import annotations

import warnings

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.evaluation.figures.latents import paint_classes


@style.styled
def neighbour_map(
    latents, labels, *, classes: tuple[str, ...], most: int = 3000, seed: int = 0
) -> Figure:
    """UMAP of latents, coloured by class; distances between groups mean little.

    Args:
        latents: `(row, latent)`.
        labels: `(row,)` class numbers.
        classes: Names of class 0, class 1, ...
        most: Map at most that many rows, chosen at random by `seed`.
        seed: Seed of the choice and of the map.

    Raises:
        ModuleNotFoundError: If umap-learn is not installed.

    Reference:
        McInnes, Healy and Melville 2018, arXiv:1802.03426.
    """
    import umap

    latents = np.asarray(latents, dtype=float)
    order = np.random.default_rng(seed).permutation(len(latents))[:most]
    table = latents[order]
    table = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-9)
    reducer = umap.UMAP(n_neighbors=min(15, len(table) - 1), random_state=seed)
    with warnings.catch_warnings():
        # A seed makes it run on one core, of which it warns.
        warnings.filterwarnings("ignore", message="n_jobs value")
        x, y = reducer.fit_transform(table).T
    figure, axes = style.new_figure(1, 1, width=5.2, height=4.7)
    size = float(np.clip(9000 / len(order), 5, 28))
    look = {"s": size, "linewidths": 0, "alpha": 0.65, "rasterized": True}
    paint_classes(axes, x, y, np.asarray(labels)[order], classes, look)
    axes.set(xticks=[], yticks=[], title="Neighbours in the embedding (UMAP)")
    style.legend_below(figure, *axes.get_legend_handles_labels(), columns=3)
    return figure

"""All latents against one another, with their histograms on the diagonal."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from keras_astro.errors import DataError
from keras_astro.evaluation import style

MOST = 10


@style.styled
def latent_corner(latents, values=None, *, value_name: str = "") -> Figure:
    """Corner plot of a code.

    Args:
        latents: `(row, latent)`, at least 2 rows; the first ten latents are drawn.
        values: `(row,)` to colour by.
        value_name: What they are, with their unit.

    Raises:
        DataError: If latents are not a finite table.

    Example:
        >>> figure = latent_corner(np.arange(12.0).reshape(6, 2))
        >>> figure.axes[-1].get_xlabel()
        'z1'
    """
    latents = np.asarray(latents, float)
    if latents.ndim != 2 or len(latents) < 2 or not np.isfinite(latents).all():
        raise DataError(
            f"corner plot: expected finite latents (row, latent) with at least 2 rows, "
            f"received shape {latents.shape} with "
            f"{np.sum(~np.isfinite(latents))} not finite",
            hint="Leave out rows with NaN, and give two or more that are left.",
        )
    shown = latents[:, :MOST]
    count = shown.shape[1]
    side = 1.35 * count + 1.0
    figure, grid = style.new_figure(
        count, count, width=side + 0.8, height=side, squeeze=False, sharex="col"
    )
    size = float(np.clip(2500 / len(shown), 2, 14))
    look = {"s": size, "linewidths": 0, "alpha": 0.7, "rasterized": True}
    look |= (
        {"color": style.BLUE}
        if values is None
        else {"c": np.asarray(values, float), "cmap": style.VALUE_MAP}
    )
    points = None
    for row in range(count):
        for column in range(count):
            axes = grid[row, column]
            axes.locator_params(nbins=3)
            axes.tick_params(labelsize=7.5)
            if column > row:
                axes.remove()
            elif column == row:
                axes.hist(shown[:, row], 24, color=style.SKY, alpha=0.8)
                axes.set_yticks([])
            else:
                points = axes.scatter(shown[:, column], shown[:, row], **look)
                if column:
                    axes.tick_params(labelleft=False)
            if row == count - 1:
                axes.set_xlabel(f"z{column}")
            if column == 0 and row:
                axes.set_ylabel(f"z{row}")
    if values is not None and points is not None:
        kept = [grid[r, c] for r in range(count) for c in range(r + 1)]
        bar = figure.colorbar(points, ax=kept, pad=0.01, aspect=40, shrink=0.7)
        bar.set_label(value_name)
        bar.solids.set_alpha(1.0)
        bar.outline.set_visible(False)
    return figure

"""What each latent does to a spectrum when it alone is moved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.evaluation.spectrum_lines import LineWindow

QUANTILES = (0.01, 0.16, 0.5, 0.84, 0.99)


@style.styled
def latent_traversals(
    decoded, windows: Sequence[LineWindow], *, names: Sequence[str] = ()
) -> Figure:
    """A row a latent, a column a line, a curve a quantile of the latent.

    Args:
        decoded: Flux `(latent, quantile, pixel)`, in the order of `QUANTILES`.
        windows: Lines to show.
        names: Of the latents; z0, z1, ... by default.

    Example:
        >>> window = LineWindow("H I 1215", slice(0, 3), np.array([-9.0, 0.0, 9.0]))
        >>> figure = latent_traversals(np.ones((2, 5, 3)), [window])
        >>> figure.axes[1].get_ylabel()
        'z1'
    """
    from matplotlib import colormaps

    decoded = np.asarray(decoded, float)
    count, columns = len(decoded), len(windows)
    figure, grid = style.new_figure(
        count,
        columns,
        width=2.6 * columns + 0.8,
        height=1.35 * count + 1.1,
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    colours = colormaps["viridis"](np.linspace(0.0, 0.9, len(QUANTILES)))
    for row in range(count):
        for column, window in enumerate(windows):
            axes = grid[row, column]
            for flux, colour, quantile in zip(
                decoded[row], colours, QUANTILES, strict=True
            ):
                axes.plot(
                    window.velocity,
                    flux[window.pixels],
                    color=colour,
                    linewidth=1.3,
                    label=f"{100 * quantile:.0f} %",
                )
            if row == 0:
                axes.set_title(window.name, fontsize=9.5)
        grid[row, 0].set_ylabel(names[row] if names else f"z{row}")
    for axes in grid[-1]:
        axes.set_xlabel("Velocity [km/s]")
    handles = grid[0, 0].get_legend_handles_labels()
    style.legend_below(figure, *handles, columns=5, title="Quantile of the latent")
    return figure

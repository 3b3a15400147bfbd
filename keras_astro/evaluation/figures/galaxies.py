"""Galaxies: errors by signal to noise against the bound, and residual images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style


@style.styled
def error_by_snr(
    snr: np.ndarray,
    errors: Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    edges: Sequence[float],
) -> Figure:
    """Root mean square of each parameter's errors in bins of signal to noise.

    Args:
        snr: `(row,)`.
        errors: Name of a method to `(row, parameter)`; rows of NaN are left out.
        names: Of the parameters, with units.
        edges: Of the bins.

    Example:
        >>> errors = {"network": np.ones((4, 1))}
        >>> figure = error_by_snr(
        ...     np.array([12, 15, 30, 40]), errors, ["n"], edges=[10, 20, 50]
        ... )
        >>> figure.axes[0].get_ylabel()
        'RMSE of n'
    """
    columns = style.panel_columns(len(names))
    rows = -(-len(names) // columns)
    figure, axes = style.new_figure(
        rows, columns, width=3.4 * columns, height=2.7 * rows + 0.5, squeeze=False
    )
    centres = np.sqrt(np.multiply(edges[:-1], edges[1:]))
    which = np.digitize(snr, edges) - 1
    handles = []
    for number, (axis, name) in enumerate(zip(axes.flat, names, strict=False)):
        handles = []
        for k, (label, values) in enumerate(errors.items()):
            rms = [_rms(values[which == b, number]) for b in range(len(centres))]
            (line,) = axis.plot(
                centres, rms, "o-", color=style.CYCLE[k], markersize=4, label=label
            )
            handles.append(line)
        axis.set(xscale="log", yscale="log", ylabel=f"RMSE of {name}")
        axis.set_xlabel("Signal to noise")
        style.plain_log_ticks(axis.xaxis)
        style.plain_log_ticks(axis.yaxis)
    for axis in list(axes.flat)[len(names) :]:
        axis.set_visible(False)
    style.legend_below(figure, handles, list(errors), columns=3)
    return figure


def _rms(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(values**2))) if values.size else np.nan


@style.styled
def residual_images(
    images: np.ndarray, models: np.ndarray, sigma: np.ndarray, titles: Sequence[str]
) -> Figure:
    """Images, their models and the residuals in units of the noise, a column each.

    Args:
        images: `(row, y, x)`.
        models: `(row, y, x)`.
        sigma: Noise of the sky, `(row,)`.
        titles: A line above each column.

    Example:
        >>> flat = np.ones((1, 8, 8))
        >>> len(residual_images(flat, flat, np.ones(1), ["one"]).axes)
        5
    """
    count = len(images)
    figure, axes = style.new_figure(
        3, count, width=1.9 * count + 1.2, height=6.2, squeeze=False
    )
    scaled = [array / sigma[:, None, None] for array in (images, models)]
    top = float(np.percentile([a.max(axis=(1, 2)) for a in scaled], 75))
    for column in range(count):
        image, model = (a[column] for a in scaled)
        for row, shown in enumerate((image, model, image - model)):
            axis = axes[row, column]
            look = (
                {"cmap": style.IMAGE_MAP, "vmin": -3, "vmax": top}
                if row < 2
                else {"cmap": "RdBu_r", "vmin": -4, "vmax": 4}
            )
            drawn = axis.imshow(shown, **look)
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            if column == count - 1 and row > 0:
                shared = axes[:2, :] if row == 1 else axes[2:, :]
                style.colour_bar(drawn, list(shared.flat), "In σ", aspect=20)
        axes[0, column].set_title(titles[column], fontsize=8.5)
    for axis, label in zip(
        axes[:, 0], ("Image", "Model", "Image − model"), strict=True
    ):
        axis.set_ylabel(label)
    return figure

"""Spectra, what a model leaves of them, and stars in the Kiel diagram."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style


@style.styled
def residual_spectrum(
    wavelength: np.ndarray,
    spectra: np.ndarray,
    reconstructions: np.ndarray,
    *,
    lines: Mapping[str, float] | None = None,
    medium: str = "",
) -> Figure:
    """A typical spectrum with its reconstruction, and the residual of all rows.

    Args:
        wavelength: In angstrom, `(pixel,)`.
        spectra: Normalised, `(row, pixel)`.
        reconstructions: Of the same shape.
        lines: Names and wavelengths of lines to point out; others are not named.
        medium: `air` or `vacuum`, for the axis.

    Example:
        >>> grid, flux = np.linspace(8800, 8835, 50), np.ones((3, 50))
        >>> figure = residual_spectrum(grid, flux, flux)
        >>> len(figure.axes)
        2
    """
    residual = spectra - reconstructions
    # The row whose depth is the median one stands for all.
    typical = np.argsort(spectra.mean(axis=1))[len(spectra) // 2]
    figure, (top, bottom) = style.new_figure(
        2, 1, width=9.6, height=5.4, sharex=True, height_ratios=[2, 1]
    )
    thin = {"linewidth": 0.8}
    top.plot(wavelength, spectra[typical], color=style.INK, label="spectrum", **thin)
    top.plot(
        wavelength,
        reconstructions[typical],
        color=style.VERMILION,
        label="reconstruction",
        **thin,
    )
    low, middle, high = np.percentile(residual, [16, 50, 84], axis=0)
    bottom.fill_between(
        wavelength, low, high, color=style.SKY, alpha=0.5, linewidth=0, label="68 %"
    )
    bottom.plot(wavelength, middle, color=style.BLUE, label="median", **thin)
    bottom.axhline(0.0, color=style.GREY, linewidth=0.8)
    ends = wavelength[0], wavelength[-1]
    _name_lines(top, bottom, lines or {}, ends)
    limit = 1.3 * np.percentile(np.abs([low, high]), 99.5) or 1.0
    bottom.set_ylim(-limit, limit)
    top.set_xlim(*ends)
    top.set_ylabel("Normalised flux")
    suffix = f" in {medium}" if medium else ""
    bottom.set(xlabel=f"Wavelength{suffix} [Å]", ylabel="Residual")
    top.set_title(f"What {len(spectra):,} reconstructions leave")
    handles, names = (
        a + b
        for a, b in zip(
            top.get_legend_handles_labels(),
            bottom.get_legend_handles_labels(),
            strict=True,
        )
    )
    style.legend_below(figure, handles, names, columns=4)
    return figure


def _name_lines(top, bottom, lines: Mapping[str, float], ends) -> None:
    for name, place in lines.items():
        if not ends[0] < place < ends[1]:
            continue
        for axes in (top, bottom):
            axes.axvline(place, color=style.GREEN, linewidth=0.7, alpha=0.6)
        top.annotate(
            name,
            (place, 0.0),
            (3, 4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            rotation=90,
            va="bottom",
            fontsize=7.5,
            color=style.GREEN,
        )


@style.styled
def kiel_diagram(
    teff: np.ndarray,
    logg: np.ndarray,
    *,
    values: np.ndarray | None = None,
    value_name: str = "[M/H] [dex]",
    truth: tuple[np.ndarray, np.ndarray] | None = None,
) -> Figure:
    """Surface gravity against effective temperature, hot stars left and giants up.

    Args:
        teff: Estimates in K, `(row,)`.
        logg: Estimates in dex, `(row,)`.
        values: `(row,)` to colour by; `value_name` says what they are.
        value_name: With its unit.
        truth: True Teff and log g, drawn in grey below.

    Example:
        >>> figure = kiel_diagram(np.array([3000.0, 4000]), np.array([5.0, 4.7]))
        >>> bool(figure.axes[0].xaxis_inverted())
        True
    """
    figure, axes = style.new_figure(width=6.2, height=4.8)
    size = float(np.clip(7000 / len(teff), 5, 26))
    look = {"s": size, "linewidths": 0, "rasterized": True}
    if truth is not None:
        axes.scatter(*truth, color=style.MIST, label="truth", **look)
    if values is None:
        axes.scatter(teff, logg, color=style.BLUE, label="estimate", **look)
    else:
        points = axes.scatter(
            teff, logg, c=values, cmap=style.VALUE_MAP, label="estimate", **look
        )
        style.colour_bar(points, axes, value_name)
    axes.invert_xaxis()
    axes.invert_yaxis()
    axes.set(xlabel="Effective temperature [K]", ylabel="Surface gravity log g [dex]")
    axes.set_title("Kiel diagram")
    style.legend_below(figure, *axes.get_legend_handles_labels())
    return figure


@style.styled
def error_against(
    values: np.ndarray,
    errors: Mapping[str, np.ndarray],
    *,
    name: str = "S/N a pixel",
    bins: int = 6,
) -> Figure:
    """Root mean square error of each label in bins of equal numbers of rows.

    Args:
        values: What the rows are binned by, `(row,)`.
        errors: Label with its unit to errors, `(row,)`.
        name: What the values are.
        bins: Number of bins.

    Example:
        >>> values = np.arange(60.0)
        >>> figure = error_against(values, {"Teff [K]": values - 30})
        >>> figure.axes[0].get_xlabel()
        'S/N a pixel'
    """
    columns = style.panel_columns(len(errors))
    rows = -(-len(errors) // columns)
    figure, panels = style.new_figure(
        rows, columns, width=4.4 * columns, height=3.0 * rows, squeeze=False
    )
    edges = np.quantile(values, np.linspace(0, 1, bins + 1))
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    for axes, (label, error) in zip(panels.flat, errors.items(), strict=False):
        squares = [error[index == k] ** 2 for k in range(bins) if np.any(index == k)]
        place = [
            np.median(values[index == k]) for k in range(bins) if np.any(index == k)
        ]
        rms = np.sqrt([square.mean() for square in squares])
        # The error of a root mean square over n Gaussian errors is rms / sqrt(2 n).
        bar = rms / np.sqrt([2 * len(square) for square in squares])
        axes.errorbar(place, rms, bar, color=style.BLUE, marker="o", markersize=4)
        axes.set_ylim(0, None)
        axes.set(xlabel=name, ylabel=f"RMSE {label}")
    for axes in list(panels.flat)[len(errors) :]:
        axes.set_visible(False)
    return figure

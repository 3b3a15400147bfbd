"""A spectrum and its reconstruction, line by line in velocity, residuals below."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.evaluation.spectrum_lines import LineWindow

# Two full rows: more are too small to read.
MOST = 6
# Lines shallower than this are not worth a panel.
FAINTEST = 0.02


@style.styled
def velocity_panels(
    flux,
    reconstruction,
    windows: Sequence[LineWindow],
    *,
    amortised=None,
    good=None,
    title: str = "",
) -> Figure:
    """Panels of one spectrum around its lines, flux above residual.

    Args:
        flux: `(pixel,)` over the continuum.
        reconstruction: `(pixel,)`.
        windows: Lines to choose from; the six that absorb most are shown.
        amortised: A second reconstruction, `(pixel,)`, whose residual is drawn dashed.
        good: Pixels that count; others are left out.
        title: Above all panels.

    Example:
        >>> window = LineWindow("H I 1215", slice(0, 3), np.array([-9.0, 0.0, 9.0]))
        >>> figure = velocity_panels(np.ones(3), np.ones(3), [window])
        >>> figure.axes[0].get_title("left")
        'H I 1215'
    """
    flux = np.asarray(flux, float)
    if good is not None:
        flux = np.where(good, flux, np.nan)
    shown = _deepest(flux, windows)
    columns = style.panel_columns(len(shown))
    rows = math.ceil(len(shown) / columns)
    figure, grid = style.new_figure(
        2 * rows,
        columns,
        width=3.1 * columns + 0.5,
        height=2.6 * rows + 0.9,
        squeeze=False,
        sharex=True,
        height_ratios=[3, 1.2] * rows,
    )
    made = [reconstruction] if amortised is None else [reconstruction, amortised]
    limit = max(_limit(flux, each, shown) for each in made)
    for place, window in enumerate(shown):
        row, column = divmod(place, columns)
        pair = grid[2 * row, column], grid[2 * row + 1, column]
        _panel(pair, flux, reconstruction, amortised, window, limit)
    for place in range(len(shown), rows * columns):
        row, column = divmod(place, columns)
        grid[2 * row, column].remove()
        grid[2 * row + 1, column].remove()
    for row in range(rows):
        grid[2 * row, 0].set_ylabel("Flux / continuum")
        grid[2 * row + 1, 0].set_ylabel("Residual")
    for column in range(columns):
        # A shared axis labels its last row, which a short column does not reach.
        last = (len(shown) - 1 - column) // columns
        grid[2 * last + 1, column].tick_params(labelbottom=True)
        grid[2 * last + 1, column].set_xlabel("Velocity [km/s]")
    drawn = [axes.get_legend_handles_labels() for axes in grid[:2, 0]]
    handles, labels = (sum(both, []) for both in zip(*drawn, strict=True))
    style.legend_below(figure, handles, labels, columns=3)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def _deepest(flux, windows: Sequence[LineWindow]) -> list[LineWindow]:
    """Lines with more absorption inside than at the edges, the strongest ones.

    A pixel is the deepest of one line alone, that which it lies nearest to: a faint
    line beside a strong one does not stand for its neighbour.
    """
    depths, peaks, velocities = [], [], []
    for window in windows:
        lost = 1 - flux[window.pixels]
        inside = np.abs(window.velocity) < 0.6 * np.abs(window.velocity).max()
        outside = lost[~inside] if (~inside).any() else lost
        deepest = np.nanargmax(np.where(inside, np.nan_to_num(lost, nan=-1), -1))
        depths.append(np.nan_to_num(np.nanmax(lost[inside]) - np.nanmin(outside)))
        peaks.append(range(len(flux))[window.pixels][deepest])
        velocities.append(abs(window.velocity[deepest]))
    nearest: dict[int, int] = {}
    for i in np.argsort(velocities):
        nearest.setdefault(peaks[i], int(i))
    order = sorted(nearest.values(), key=lambda i: -depths[i])[:MOST]
    seen = [i for i in order if depths[i] > FAINTEST] or order[:1]
    return [windows[i] for i in sorted(seen)]


def _limit(flux, reconstruction, windows) -> float:
    """One residual scale for all panels, so that they can be compared."""
    residual = np.concatenate([(flux - reconstruction)[w.pixels] for w in windows])
    largest = np.nanmax(np.abs(residual), initial=0.0)
    return max(float(1.1 * largest), 1e-4)


def _panel(pair, flux, reconstruction, amortised, window, limit) -> None:
    top, bottom = pair
    x, part = window.velocity, window.pixels
    # Broad below a thin line, so that both are seen where they agree.
    look = {"color": style.GREY, "alpha": 0.45, "linewidth": 3.5}
    top.step(x, flux[part], where="mid", label="data", **look)
    top.plot(
        x, reconstruction[part], color=style.BLUE, linewidth=1.1, label="reconstruction"
    )
    top.set_ylim(-0.06, 1.15)
    top.set_title(window.name, fontsize=9.5)
    residual = flux[part] - np.asarray(reconstruction)[part]
    bottom.axhline(0.0, color=style.MIST, linewidth=1.0)
    bottom.step(x, residual, where="mid", color=style.BLUE, linewidth=1.0)
    if amortised is not None:
        # The two spectra differ by less than a line's width: only here is it seen.
        look = {"color": style.AMBER, "linewidth": 1.2, "linestyle": style.DASHES[0]}
        rest = flux[part] - np.asarray(amortised)[part]
        bottom.step(x, rest, where="mid", label="encoder alone", **look)
    bottom.set_ylim(-limit, limit)
    bottom.locator_params(axis="y", nbins=3)

"""One look for every figure: colours that colour-blind readers tell apart, calm axes.

Figures are made with the object interface (no pyplot, no global state): a function
decorated with `styled` runs under the house settings, and `save` writes 150 dpi PNG.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

# Okabe and Ito 2008, Color Universal Design.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
AMBER, SKY, PURPLE = "#E69F00", "#56B4E9", "#CC79A7"
INK, GREY, MIST, PAPER = "#22262B", "#7A828C", "#D9DDE2", "#FFFFFF"

NORMAL, ANOMALOUS, ACCENT = BLUE, VERMILION, GREEN
CYCLE = (VERMILION, BLUE, GREEN, PURPLE, AMBER, SKY)
DASHES = ((0, (4, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (8, 3)))

IMAGE_MAP, ANOMALY_MAP, VALUE_MAP = "magma", "viridis", "viridis"

DPI = 150

RC = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "figure.facecolor": PAPER,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.09,
    "figure.constrained_layout.w_pad": 0.09,
    "axes.facecolor": PAPER,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.titlepad": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ECEEF1",
    "grid.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "image.origin": "lower",
    "image.interpolation": "nearest",
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
}


def styled(function: Callable) -> Callable:
    """Runs a figure function under the house settings and restores those before it.

    Example:
        >>> @styled
        ... def empty():
        ...     return new_figure()[0]
        >>> [float(inch) for inch in empty().get_size_inches()]
        [6.4, 4.0]
    """

    @functools.wraps(function)
    def inside(*args, **kwargs):
        import matplotlib

        with matplotlib.rc_context(RC):
            return function(*args, **kwargs)

    return inside


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = 6.4, height: float = 4.0, **grid
):
    """Returns a Figure on the Agg canvas and its axes, without touching pyplot.

    Args:
        rows: Number of rows of axes.
        columns: Number of columns of axes.
        width: Inches.
        height: Inches.
        **grid: Passed to `Figure.subplots`.

    Returns:
        `(figure, axes)` as `Figure.subplots` gives them.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, **grid)


def png(figure) -> bytes:
    """Renders a figure as PNG at 150 dpi; equal figures give equal bytes."""
    buffer = io.BytesIO()
    # Without the writer's version in it, the file depends on the figure alone.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def save(figure, path: str | Path) -> Path:
    """Writes a figure as PNG at 150 dpi and returns the path; makes its folder."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(figure))
    return path


def log_edges(values, *, bins: int = 40) -> np.ndarray:
    """Histogram edges, evenly spaced in the logarithm, around the positive values.

    Example:
        >>> log_edges([1.0, 100.0], bins=2).round(3).tolist()
        [1.0, 10.0, 100.0]
    """
    values = np.asarray(values, dtype=np.float64)
    positive = values[np.isfinite(values) & (values > 0)]
    low, high = (positive.min(), positive.max()) if positive.size else (0.1, 1.0)
    if low == high:
        low, high = low / 1.5, high * 1.5
    return np.geomspace(low, high, bins + 1)


def short(value: float) -> str:
    """Formats a number for a label: three significant digits, a true minus sign.

    Example:
        >>> short(0.98765), short(12.0)
        ('0.988', '12')
    """
    return f"{value:.3g}".replace("-", "\u2212")


def percent(fraction: float) -> str:
    """Formats a fraction as a percentage with two or three telling digits.

    Example:
        >>> percent(0.01), percent(0.8456), percent(0.0123)
        ('1 %', '84.6 %', '1.23 %')
    """
    return f"{100.0 * fraction:.3g} %"


def legend_below(figure, handles, names, *, columns: int = 2, title: str | None = None):
    """Puts one legend under all axes, where it covers no data."""
    return figure.legend(
        handles,
        names,
        loc="outside lower center",
        ncols=max(1, min(columns, len(names))),
        title=title,
        columnspacing=2.0,
    )


def colour_bar(shown, axes, label: str, *, aspect: int = 35):
    """Adds an opaque, frameless colour bar for an image or scatter to its axes."""
    bar = shown.get_figure().colorbar(shown, ax=axes, pad=0.015, aspect=aspect)
    bar.set_label(label)
    bar.solids.set_alpha(1.0)
    bar.outline.set_visible(False)
    return bar


def panel_columns(panels: int) -> int:
    """Columns of a grid of small panels that leaves the fewest holes, at most three.

    Example:
        >>> [panel_columns(n) for n in (1, 2, 3, 4, 5, 6)]
        [1, 2, 3, 2, 3, 3]
    """
    return 2 if panels == 4 else min(panels, 3)


def plain_log_ticks(axis) -> None:
    """Labels a logarithmic axis with plain numbers at 1, 2 and 5 times each decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())

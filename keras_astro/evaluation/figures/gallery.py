"""Images, their reconstructions and anomaly maps, most to least strange."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from keras_astro.evaluation import style

# Keeps the colour scale of a constant picture from collapsing.
TINY = 1e-12


def choose_examples(scores, *, each: int = 2) -> dict[str, np.ndarray]:
    """Row numbers of the most anomalous, typical (median) and least anomalous rows.

    Args:
        scores: `(row,)`, larger means more anomalous.
        each: Rows of each kind; fewer when there are not enough.

    Returns:
        Kind to row numbers; no row is named twice.

    Example:
        >>> {k: v.tolist() for k, v in choose_examples([3, 1, 2], each=1).items()}
        {'most anomalous': [0], 'typical': [2], 'least anomalous': [1]}
    """
    order = np.argsort(scores, kind="stable")
    each = min(each, max(len(order) // 3, 1))
    middle = max((len(order) - each) // 2, 0)
    parts = {
        "most anomalous": order[::-1][:each],
        "typical": order[middle : middle + each],
        "least anomalous": order[:each],
    }
    seen: set[int] = set()
    unique = {}
    for kind, rows in parts.items():
        unique[kind] = np.array([r for r in rows if r not in seen], dtype=int)
        seen.update(rows.tolist())
    return {kind: rows for kind, rows in unique.items() if rows.size}


@style.styled
def anomaly_gallery(
    images,
    reconstructions,
    anomaly_maps,
    scores,
    *,
    labels=None,
    truth=None,
    each: int = 2,
    map_unit: str = "residual / expected sd",
    classes: tuple[str, str] = ("normal", "anomalous"),
) -> Figure:
    """Grid of image, reconstruction and anomaly map for six telling rows.

    Args:
        images: `(row, y, x)` or `(row, y, x, band)`; bands are averaged.
        reconstructions: As `images`; drawn on the image's own grey scale.
        anomaly_maps: `(row, y, x)`; all on one colour scale.
        scores: `(row,)`, larger means more anomalous.
        labels: `(row,)`, printed beside the row when given.
        truth: `(row, y, x)` truth maps; drawn as contours at half their peak.
        each: Rows of each kind.
        map_unit: Unit of the anomaly maps.
        classes: Names of class 0 and class 1.

    Example:
        >>> cube = np.random.default_rng(0).normal(size=(3, 8, 8))
        >>> len(anomaly_gallery(cube, cube, cube**2, [1, 2, 3], each=1).axes)
        10
    """
    examples = choose_examples(scores, each=each)
    chosen = [(kind, int(row)) for kind, rows in examples.items() for row in rows]
    images, reconstructions = _flat(images), _flat(reconstructions)
    anomaly_maps = np.asarray(anomaly_maps, dtype=float)
    top = float(np.percentile(anomaly_maps[[row for _, row in chosen]], 99.7))
    figure, grid = style.new_figure(
        3, len(chosen), width=1.62 * len(chosen) + 1.3, height=5.9, squeeze=False
    )
    for panels, (kind, row) in zip(grid.T, chosen, strict=True):
        _pair(panels, images[row], reconstructions[row])
        shown = panels[2].imshow(
            anomaly_maps[row], cmap=style.ANOMALY_MAP, vmin=0.0, vmax=max(top, TINY)
        )
        if truth is not None and np.max(truth[row]) > 0:
            half = 0.5 * float(np.max(truth[row]))
            panels[2].contour(truth[row], levels=[half], colors="white", linewidths=1.0)
        named = "" if labels is None else f"{classes[int(labels[row])]}\n"
        panels[0].set_title(
            f"{kind}\n{named}score {style.short(scores[row])}",
            fontsize=8.5,
            fontweight="normal",
            loc="center",
        )
    _bare(grid)
    style.colour_bar(shown, grid[2, :].tolist(), map_unit, aspect=14)
    return figure


def _pair(panels, image: np.ndarray, reconstruction: np.ndarray) -> None:
    # One scale for both, so that a fainter reconstruction looks fainter.
    low, high = np.percentile(image, [0.5, 99.8])
    for axes, picture in zip(panels, (image, reconstruction), strict=False):
        axes.imshow(picture, cmap=style.IMAGE_MAP, vmin=low, vmax=max(high, low + TINY))


def _bare(grid) -> None:
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(False)
        axes.spines[:].set_visible(False)
    names = ("Image", "Reconstruction", "Anomaly map")
    for axes, name in zip(grid[:, 0], names, strict=True):
        axes.set_ylabel(name, fontweight="bold")


def _flat(images) -> np.ndarray:
    images = np.asarray(images, dtype=float)
    return images.mean(axis=-1) if images.ndim == 4 else images

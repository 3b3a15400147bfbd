"""Shortcut audit: can something trivial separate the classes without seeing a lens?

A high AUC of brightness, noise, file size or ring radius means that a good score of the
network may be that shortcut in disguise.
"""

from __future__ import annotations

import numpy as np

from keras_astro.errors import DataError
from keras_astro.metrics import Interval, auc, auc_interval

BLOCK = 512


def image_statistics(images) -> dict[str, np.ndarray]:
    """Simple numbers of each image that carry no shape.

    Args:
        images: `(row, y, x)` or `(row, y, x, band)` in linear units; NaN pixels are
            ignored. Read block by block, so that an HDF5 dataset works as well.

    Returns:
        Name to `(row,)`: brightness mean, standard deviation and maximum, background
        level (mean of the outermost twentieth on each side), high-frequency energy
        (mean square of the discrete Laplacian).

    Raises:
        DataError: If the images are not a stack of at least 5 by 5 pixels.

    Example:
        >>> statistics = image_statistics(np.ones((2, 8, 8)))
        >>> statistics["brightness mean"].tolist()
        [1.0, 1.0]
    """
    shape = tuple(images.shape)
    if len(shape) not in (3, 4) or min(shape[1:3]) < 5 or shape[0] == 0:
        raise DataError(
            "shortcut audit: expected images (row, y, x) or (row, y, x, band) of at"
            f" least 5 x 5 pixels, received shape {shape}",
            hint="Put the rows first, and cut out images of 5 pixels a side or more.",
        )
    blocks = [
        _statistics(np.asarray(images[start : start + BLOCK], dtype=np.float64))
        for start in range(0, shape[0], BLOCK)
    ]
    return {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}


def shortcut_audit(
    images, labels, *, file_sizes=None, ring_radius=None, seed: int = 0
) -> dict[str, Interval]:
    """AUC of each shortcut, in whichever direction it separates better.

    The direction is chosen on the same rows, so 0.5 is a floor and a blind shortcut
    lands slightly above it; the interval's lower end may lie below.

    Args:
        images: `(row, y, x)` or `(row, y, x, band)` in linear units.
        labels: `(row,)`, 1 anomalous, 0 normal.
        file_sizes: `(row,)` in bytes, when each image is a file of its own.
        ring_radius: `(row,)`, e.g. fitted Einstein radii in arcsec.
        seed: Seed of the bootstrap intervals.

    Returns:
        Name to AUC with its 95 % interval, strongest shortcut first.

    Raises:
        DataError: If shapes do not match or a class is absent.

    Example:
        >>> images = np.ones((4, 8, 8)) * np.array([1, 2, 8, 9])[:, None, None]
        >>> shortcut_audit(images, [0, 0, 1, 1])["brightness mean"].value
        1.0
    """
    statistics = image_statistics(images)
    if file_sizes is not None:
        statistics["file size"] = np.asarray(file_sizes, dtype=np.float64)
    if ring_radius is not None:
        statistics["ring radius"] = np.asarray(ring_radius, dtype=np.float64)
    found = {
        name: directed_auc(labels, values, seed=seed)
        for name, values in statistics.items()
    }
    return dict(sorted(found.items(), key=lambda item: -item[1].value))


def directed_auc(labels, values, *, seed: int = 0) -> Interval:
    """AUC of a quantity whose sign has no meaning: the larger of AUC and 1 - AUC.

    Example:
        >>> directed_auc([0, 0, 1, 1], [4.0, 3.0, 2.0, 1.0]).value
        1.0
    """
    values = np.asarray(values, dtype=np.float64)
    sign = 1.0 if auc(labels, values) >= 0.5 else -1.0
    return auc_interval(labels, sign * values, seed=seed)


def _statistics(images: np.ndarray) -> dict[str, np.ndarray]:
    if images.ndim == 4:
        images = np.nanmean(images, axis=-1)
    axes = (1, 2)
    edge = np.ones(images.shape[1:], dtype=bool)
    rows, columns = (max(size // 20, 1) for size in edge.shape)
    edge[rows:-rows, columns:-columns] = False
    centre = images[:, 1:-1, 1:-1]
    around = (
        images[:, :-2, 1:-1]
        + images[:, 2:, 1:-1]
        + images[:, 1:-1, :-2]
        + images[:, 1:-1, 2:]
    )
    return {
        "brightness mean": np.nanmean(images, axis=axes),
        "brightness sd": np.nanstd(images, axis=axes),
        "brightness maximum": np.nanmax(images, axis=axes),
        "background level": np.nanmean(images[:, edge], axis=1),
        "high-frequency energy": np.nanmean((around - 4.0 * centre) ** 2, axis=axes),
    }

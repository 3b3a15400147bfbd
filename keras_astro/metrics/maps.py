"""Do anomaly maps point at the right place? Scores against truth maps, per image."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from keras_astro.errors import DataError


def truth_mask(truth, *, fraction: float = 0.5) -> np.ndarray:
    """Pixels where a truth map exceeds a fraction of its own peak.

    Args:
        truth: `(image, y, x)`, e.g. substructure convergence; zero where there is none.
        fraction: Of the image's peak value.

    Returns:
        `(image, y, x)` bool; all false in an image without any positive pixel.

    Example:
        >>> int(truth_mask([[[0.0, 1.0], [0.4, 0.6]]]).sum())
        2
    """
    truth = np.asarray(truth, dtype=np.float64)
    peak = truth.max(axis=(-2, -1), keepdims=True)
    return (truth > fraction * peak) & (peak > 0)


def pixel_auc(anomaly_maps, truth, *, fraction: float = 0.5) -> np.ndarray:
    """AUC of each anomaly map as a detector of its own truth pixels.

    Args:
        anomaly_maps: `(image, y, x)`, larger means more anomalous.
        truth: `(image, y, x)` in the same frame.
        fraction: A pixel is true above this fraction of the truth map's peak.

    Returns:
        `(image,)`; NaN where an image has no truth pixel or nothing else.

    Raises:
        DataError: If the two stacks have different shapes.

    Example:
        >>> pixel_auc([[[0.1, 0.9], [0.2, 0.3]]], [[[0, 1], [0, 0]]]).tolist()
        [1.0]
    """
    maps, truth = _same_frame(anomaly_maps, truth)
    mask = truth_mask(truth, fraction=fraction).reshape(len(maps), -1)
    ranks = rankdata(maps.reshape(len(maps), -1), axis=1)
    positives = mask.sum(axis=1)
    pairs = positives * (mask.shape[1] - positives)
    area = (ranks * mask).sum(axis=1) - positives * (positives + 1) / 2.0
    return np.divide(area, pairs, out=np.full(len(maps), np.nan), where=pairs > 0)


def peak_distance(anomaly_maps, truth, *, pixel_scale: float = 1.0) -> np.ndarray:
    """Distance between the peaks of each anomaly map and its truth map.

    Args:
        anomaly_maps: `(image, y, x)`.
        truth: `(image, y, x)` in the same frame.
        pixel_scale: Size of a map pixel, e.g. in arcsec; 1 gives pixels.

    Returns:
        `(image,)`; NaN where the truth map has no positive pixel.

    Raises:
        DataError: If the two stacks have different shapes.

    Example:
        >>> peak_distance([[[0, 0], [0, 9]]], [[[5, 0], [0, 0]]]).round(3).tolist()
        [1.414]
    """
    maps, truth = _same_frame(anomaly_maps, truth)
    offset = _peaks(maps) - _peaks(truth)
    distance = pixel_scale * np.hypot(offset[:, 0], offset[:, 1])
    return np.where(truth.max(axis=(1, 2)) > 0, distance, np.nan)


def _peaks(maps: np.ndarray) -> np.ndarray:
    flat = maps.reshape(len(maps), -1).argmax(axis=1)
    return np.stack(np.unravel_index(flat, maps.shape[1:]), axis=1).astype(np.float64)


def _same_frame(maps, truth) -> tuple[np.ndarray, np.ndarray]:
    maps = np.asarray(maps, dtype=np.float64)
    truth = np.asarray(truth, dtype=np.float64)
    if maps.shape != truth.shape or maps.ndim != 3:
        raise DataError(
            "anomaly maps: expected the truth maps' frame (image, y, x), received"
            f" {maps.shape} against {truth.shape}",
            hint="Crop and bin the truth maps as the model's preprocessing does.",
        )
    if not np.isfinite(maps).all():
        raise DataError(
            f"anomaly maps: expected finite values, received "
            f"{np.sum(~np.isfinite(maps))} NaN or infinite",
            hint="Set pixels without data to 0, where no anomaly is found.",
        )
    return maps, truth

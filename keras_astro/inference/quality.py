"""Flags on rows whose numbers should not be taken at face value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def image_flags(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Comma-separated warnings for each image; empty when there is nothing to say.

    `constant`: no structure at all. `saturated`: more than 1 % of the pixels at the
    maximum. `off_centre`: the brightest pixel is in the outer half of the image.
    `negative`: the median pixel is below zero, so that the background was subtracted
    too strongly.

    Args:
        inputs: Has `image`, `(row, y, x, band)`.

    Returns:
        `(row,)` of text.

    Example:
        >>> image_flags({"image": np.ones((1, 8, 8, 1))}).tolist()
        ['constant']
    """
    grey = np.asarray(inputs["image"], dtype=np.float64).mean(axis=-1)
    rows, height, width = grey.shape
    flat = grey.reshape(rows, height * width)
    peak = flat.max(axis=1)
    y, x = np.divmod(flat.argmax(axis=1), width)
    distance = np.maximum(
        np.abs(y - (height - 1) / 2) / height, np.abs(x - (width - 1) / 2) / width
    )
    constant = np.ptp(flat, axis=1) == 0
    tests = {
        "constant": constant,
        "saturated": (np.mean(flat >= peak[:, None], axis=1) > 0.01) & ~constant,
        "off_centre": (distance > 0.25) & ~constant,
        "negative": np.median(flat, axis=1) < 0,
    }
    return np.array(
        [
            ",".join(name for name, hit in tests.items() if hit[row])
            for row in range(rows)
        ],
        dtype=str,
    )

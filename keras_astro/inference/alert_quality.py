"""Flags on alerts whose numbers should not be taken at face value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_astro.data.alert_schema import SENTINEL


def alert_flags(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Comma-separated warnings for each alert; empty when there is nothing to say.

    `masked`: more than a tenth of the pixels hold no data. `masked_centre`: some of the
    central 7 x 7 do not. `no_template`: the template has no pixel. `constant`: an image
    without any structure.

    Args:
        inputs: Has `stamps`, `(row, y, x, 3)`, or `(row, step, y, x, 3)` with the
            alert itself in step 0.

    Returns:
        `(row,)` of text.

    Example:
        >>> alert_flags({"stamps": np.full((1, 9, 9, 3), np.nan)}).tolist()
        ['masked,masked_centre,no_template']
    """
    stamps = np.asarray(inputs["stamps"])
    stamps = stamps[:, 0] if stamps.ndim == 5 else stamps
    valid = np.abs(stamps) < SENTINEL
    middle = (stamps.shape[1] - 1) // 2
    centre = slice(max(middle - 3, 0), middle + 4)
    # Two unlike pixels show structure at once; only other rows are searched for it.
    corner, core = stamps[:, 0, 0], stamps[:, middle, middle]
    doubtful = ~(valid[:, 0, 0] & valid[:, middle, middle] & (corner != core)).all(1)
    constant = np.zeros(len(stamps), bool)
    low = np.where(valid[doubtful], stamps[doubtful], np.inf).min(axis=(1, 2))
    high = np.where(valid[doubtful], stamps[doubtful], -np.inf).max(axis=(1, 2))
    constant[doubtful] = (low == high).any(axis=1)
    counts = np.count_nonzero(valid.reshape(len(stamps), -1), axis=1)
    tests = {
        "masked": 1 - counts / valid[0].size > 0.1,
        "masked_centre": ~valid[:, centre, centre].all(axis=(1, 2, 3)),
        "no_template": ~valid[..., 1].any(axis=(1, 2)),
        "constant": constant,
    }
    return np.array(
        [
            ",".join(name for name, hit in tests.items() if hit[row])
            for row in range(len(stamps))
        ],
        dtype=str,
    )

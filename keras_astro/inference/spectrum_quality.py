"""Flags on spectra whose numbers should not be taken at face value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def spectrum_flags(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Comma-separated warnings for each spectrum; empty when there is nothing to say.

    `empty`: no pixel counts. `masked`: more than a fifth of the pixels do not.
    `constant`: all pixels that count are equal. `not_normalised`: the 60th
    percentile of the flux is not within a fifth of the continuum.

    Args:
        inputs: Has `flux`, `(row, pixel)`; `ivar` and `mask` where they are known.

    Returns:
        `(row,)` of text.

    Example:
        >>> spectrum_flags({"flux": np.full((1, 20), 3.0)}).tolist()
        ['constant,not_normalised']
    """
    flux = np.asarray(inputs["flux"], np.float64)
    good = np.isfinite(flux)
    if "ivar" in inputs:
        good &= np.asarray(inputs["ivar"]) > 0
    if "mask" in inputs:
        good &= np.asarray(inputs["mask"]) == 0
    count = good.sum(axis=1)
    ranked = np.sort(np.where(good, flux, -np.inf), axis=1)
    rows = np.arange(len(flux))
    last = flux.shape[1] - 1
    high = ranked[:, last]
    low = ranked[rows, np.minimum(last + 1 - count, last)]
    typical = ranked[rows, last - (0.4 * np.maximum(count - 1, 0)).astype(int)]
    some = count > 0
    tests = {
        "empty": ~some,
        "masked": some & (count < 0.8 * flux.shape[1]),
        "constant": some & (high == low),
        "not_normalised": some & (np.abs(typical - 1.0) > 0.2),
    }
    hits = np.stack(list(tests.values()), axis=1)
    names = np.array(list(tests))
    return np.array([",".join(names[hit]) for hit in hits], dtype=str)

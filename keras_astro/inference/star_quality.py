"""Flags on stellar spectra whose numbers should not be taken at face value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_astro.inference.spectrum_quality import spectrum_flags


def star_flags(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Comma-separated warnings for each spectrum; empty when there is nothing to say.

    Those of `spectrum_flags`, but the flux may be in any linear unit; `negative` says
    that it is not positive where the continuum should be.

    Args:
        inputs: Has `flux`, `(row, pixel)`; `ivar` and `mask` where they are known.

    Returns:
        `(row,)` of text.

    Example:
        >>> star_flags({"flux": np.full((1, 20), 3.0)}).tolist()
        ['constant']
    """
    flux = np.asarray(inputs["flux"], np.float64)
    seen = [row[np.isfinite(row)] for row in flux]
    level = np.array([np.percentile(row, 60) if row.size else 1.0 for row in seen])
    positive = level > 0
    unit = np.where(positive, level, 1.0)[:, None]
    found = spectrum_flags({**inputs, "flux": flux / unit})
    names = [[n for n in text.split(",") if n != "not_normalised"] for text in found]
    for row in np.flatnonzero(~positive):
        names[row].append("negative")
    return np.array([",".join(filter(None, n)) for n in names], dtype=str)

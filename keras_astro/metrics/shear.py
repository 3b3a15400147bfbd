"""Multiplicative and additive bias of measured shear."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from keras_astro.errors import DataError
from keras_astro.metrics.arrays import paired
from keras_astro.metrics.intervals import LEVEL, Interval


def shear_bias(truth, estimate, *, level: float = LEVEL) -> tuple[Interval, Interval]:
    """Slope m and offset c of `estimate - truth = m truth + c`, by least squares.

    A posterior mean is drawn towards the middle of its prior, so that its m is negative
    where the noise is large; that is what makes its squared error least.

    Args:
        truth: `(row,)`, one component of the shear.
        estimate: `(row,)`.
        level: Coverage of the intervals.

    Returns:
        m and c with intervals from the scatter of the residuals.

    Raises:
        DataError: If there are fewer than three rows or the truth is constant.

    Reference:
        Heymans et al. 2006, MNRAS 368, 1323, equation 11.

    Example:
        >>> m, c = shear_bias([-0.1, 0.0, 0.1], [-0.09, 0.01, 0.11])
        >>> round(abs(m.value), 3), round(c.value, 3)
        (0.0, 0.01)
    """
    truth, estimate = paired(truth=truth, estimate=estimate)
    if truth.size < 3 or np.ptp(truth) == 0:
        raise DataError(
            f"shear bias: expected three rows or more of different shear, received "
            f"{truth.size} with a range of {np.ptp(truth):.3g}",
            hint="Give one component of the shear, of galaxies that differ in it.",
        )
    design = np.stack([truth, np.ones_like(truth)], axis=1)
    found, *_ = np.linalg.lstsq(design, estimate - truth, rcond=None)
    rest = estimate - truth - design @ found
    variance = rest @ rest / (truth.size - 2)
    error = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    half = norm.ppf(0.5 + level / 2) * error
    m, c = (
        Interval(float(v), float(v - h), float(v + h))
        for v, h in zip(found, half, strict=True)
    )
    return m, c

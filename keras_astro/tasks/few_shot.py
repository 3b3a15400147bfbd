"""Correction of estimates by a handful of rows whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Variance of a row's error over the prior variance of the correction: what a shift and
# a slope are taken back by. Infinity is no correction.
STRENGTHS = (np.inf, 8.0, 2.0, 0.5, 0.0)
SLOPE_ROWS = 10


@dataclass(frozen=True)
class Correction:
    """`truth = estimate + offset + slope * (estimate - center)`.

    Args:
        offset: In the label's unit.
        slope: Dimensionless.
        center: In the label's unit.
        loo_before: Root mean square error of the rows as they were.
        loo_after: The same, each row corrected by the others alone.
    """

    offset: float
    slope: float
    center: float
    loo_before: float
    loo_after: float


def fit_correction(
    truth: np.ndarray, estimate: np.ndarray, *, center: float, unit: float
) -> Correction:
    """Shift and slope by ridge regression towards none; leave-one-out decides how much.

    A correction must pay on rows that it has not seen, and by more than the root mean
    square of so few errors is uncertain, a part of `1 / sqrt(2 n)`: the best of many
    always seems to pay. A slope is tried from ten rows on.

    Args:
        truth: `(row,)`, two or more.
        estimate: Of the same rows.
        center: Estimate at which the slope turns, e.g. the mean of the training labels.
        unit: Their standard deviation.

    Example:
        >>> truth = np.array([1.0, 2.0, 3.0, 4.0])
        >>> found = fit_correction(truth, truth - 0.5, center=2.5, unit=1.0)
        >>> round(found.offset, 3), round(found.slope, 3)
        (0.5, 0.0)
    """
    design = np.stack([np.ones_like(estimate), (estimate - center) / unit], axis=1)
    error = np.asarray(truth, float) - estimate
    before = float(np.sqrt(np.mean(error**2)))
    best, best_loss = (np.inf, np.inf), before
    slopes = STRENGTHS if len(error) >= SLOPE_ROWS else (np.inf,)
    for shift in STRENGTHS:
        for slope in slopes:
            loss = _leave_one_out(design, error, (shift, slope))
            # Weaker penalties are tried later and must be better by a hundredth.
            if loss < 0.99 * best_loss:
                best, best_loss = (shift, slope), loss
    if best_loss > before * (1 - 1 / np.sqrt(2 * len(error))):
        best, best_loss = (np.inf, np.inf), before
    offset, tilt = _ridge(design, error, best)
    return Correction(
        float(offset), float(tilt / unit), center, before, float(best_loss)
    )


def _ridge(design, error, strengths) -> np.ndarray:
    kept = [i for i, s in enumerate(strengths) if np.isfinite(s)]
    found = np.zeros(2)
    if kept:
        part = design[:, kept]
        penalty = np.diag([strengths[i] + 1e-9 for i in kept])
        found[kept] = np.linalg.solve(part.T @ part + penalty, part.T @ error)
    return found


def _leave_one_out(design, error, strengths) -> float:
    rest = [np.delete(np.arange(len(error)), i) for i in range(len(error))]
    left = [
        error[i] - design[i] @ _ridge(design[keep], error[keep], strengths)
        for i, keep in enumerate(rest)
    ]
    return float(np.sqrt(np.mean(np.square(left))))

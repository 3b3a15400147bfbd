"""Better latents for one spectrum at a time: least squares with a frozen decoder.

Levenberg-Marquardt on the codes of many rows at once, in NumPy; any function from
codes to what they decode to will do, be it TFLite's, TensorFlow's or a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Decode = Callable[[np.ndarray], np.ndarray]

# Differences of codes: large against the rounding of float32 outputs, small against
# the curvature of decoders whose codes are of order 1.
STEP = 1e-2
# Damping at the start, and by how much it falls after a success and grows after none.
DAMPING, EASED, STRESSED = 1e-2, 0.3, 4.0
TRIALS = 3
# Unexplained share of the weighted sum of squares from which other starts are tried.
UNEXPLAINED = 0.01
# First latents of those starts, the other latents 0: velocities in units of 100 km/s
# where the decoder moves a spectrum. An encoder that takes one line for another leaves
# a code from where no slope leads back; a plain spectrum at some velocity does not.
VELOCITY_STARTS = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
# Values decoded together; bounds the memory whatever the number of pixels.
TOGETHER = 8_000_000


@dataclass
class Refined:
    """Codes after refinement.

    Args:
        z: `(row, latent)` float32.
        covariance: Of `z`, `(row, latent, latent)`: inverse of `J^T W J`.
        chi_square: Weighted sum of squares at `z`, `(row,)`.
        before: The same at the codes given, `(row,)`.
    """

    z: np.ndarray
    covariance: np.ndarray
    chi_square: np.ndarray
    before: np.ndarray


def refine(
    decode: Decode,
    z: np.ndarray,
    observed: np.ndarray,
    weight: np.ndarray,
    *,
    steps: int = 25,
    errors_known: bool = True,
    starts: Sequence[float] = (),
) -> Refined:
    """Moves codes to where `sum_i w_i (x_i - decode(z)_i)^2` is least.

    A step is only taken where it lowers the sum, so no row ends worse than it began.

    Args:
        decode: Codes `(row, latent)` to `(row, pixel)`.
        z: Codes to start from, such as an encoder's.
        observed: `(row, pixel)`.
        weight: Inverse variances `(row, pixel)`; 0 for pixels that must not count.
        steps: Steps at most.
        errors_known: Whether weights are inverse variances. Otherwise the covariance
            is scaled so that chi square is what its degrees of freedom make expected.
        starts: First latents of codes that are 0 otherwise, to begin from as well in
            rows that leave more than a hundredth of their sum of squares; the least
            sum wins.

    Returns:
        The codes, their covariance and the sums before and after.

    Reference:
        Marquardt 1963, J. SIAM 11, 431.

    Example:
        >>> line = lambda z: z[:, :1] + z[:, 1:] * np.arange(4.0)
        >>> truth = np.array([[1.0, 2.0]], "float32")
        >>> start = np.zeros((1, 2), "float32")
        >>> found = refine(line, start, line(truth), np.ones((1, 4)))
        >>> found.z.round(3).tolist()
        [[1.0, 2.0]]
    """
    z = np.asarray(z, np.float32)
    found = _in_parts(decode, z, observed, weight, steps)
    poor = found.chi_square > UNEXPLAINED * _cost(observed, weight)
    seen, weighted = observed[poor], weight[poor]
    for first in starts if poor.any() else ():
        begin = np.zeros_like(z[poor])
        begin[:, 0] = first
        _take_better(found, poor, _in_parts(decode, begin, seen, weighted, steps))
    if not errors_known:
        freedom = np.maximum((weight > 0).sum(axis=1) - z.shape[1], 1)
        found.covariance *= (found.chi_square / freedom)[:, None, None]
    return found


def _in_parts(decode, z, observed, weight, steps) -> Refined:
    rows = max(1, TOGETHER // (2 * z.shape[1] * observed.shape[1]))
    parts = [
        _refine(
            decode, z[i : i + rows], observed[i : i + rows], weight[i : i + rows], steps
        )
        for i in range(0, len(z), rows)
    ]
    return Refined(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Refined.__annotations__
        )
    )


def _take_better(found: Refined, rows: np.ndarray, other: Refined) -> None:
    """Puts what another start gave into those of the rows that it made better."""
    better = other.chi_square < found.chi_square[rows]
    places = np.flatnonzero(rows)[better]
    for name in ("z", "covariance", "chi_square"):
        getattr(found, name)[places] = getattr(other, name)[better]


def _refine(decode, z, observed, weight, steps) -> Refined:
    damping = np.full(len(z), DAMPING)
    residual = decode(z) - observed
    cost = _cost(residual, weight)
    before = cost
    for _ in range(steps):
        curvature, slope = _normal_equations(decode, z, residual, weight)
        moved = np.zeros(len(z), bool)
        for _ in range(TRIALS):
            trial = z - _solve(curvature, slope, damping).astype(np.float32)
            trial_residual = decode(trial) - observed
            trial_cost = _cost(trial_residual, weight)
            better = trial_cost < cost
            z = np.where(better[:, None], trial, z)
            residual = np.where(better[:, None], trial_residual, residual)
            cost = np.where(better, trial_cost, cost)
            damping = np.clip(damping * np.where(better, EASED, STRESSED), 1e-9, 1e6)
            moved |= better
            if moved.all():
                break
        if not moved.any():
            break
    curvature, _ = _normal_equations(decode, z, residual, weight)
    floor = 1e-9 * np.trace(curvature, axis1=1, axis2=2)[:, None, None] + 1e-30
    covariance = np.linalg.inv(curvature + floor * np.eye(z.shape[1]))
    return Refined(z, covariance, cost, before)


def _cost(residual, weight) -> np.ndarray:
    return np.einsum("rp,rp,rp->r", weight, residual, residual, dtype=np.float64)


def _normal_equations(decode, z, residual, weight):
    """`J^T W J` and `J^T W r`, with J by central differences of all rows at once."""
    latents = z.shape[1]
    offset = STEP * np.eye(latents, dtype=np.float32)
    pairs = np.stack([z[:, None] + offset, z[:, None] - offset])
    decoded = decode(pairs.reshape(-1, latents)).reshape(2, len(z), latents, -1)
    jacobian = (decoded[0] - decoded[1]) / (2 * STEP)
    weighted = jacobian * weight[:, None]
    curvature = weighted @ jacobian.transpose(0, 2, 1)
    slope = np.einsum("rlp,rp->rl", weighted, residual)
    return curvature.astype(np.float64), slope.astype(np.float64)


def _solve(curvature, slope, damping) -> np.ndarray:
    diagonal = np.einsum("rll->rl", curvature)
    # Latents that change nothing would make the equations singular.
    floor = 1e-9 * diagonal.max(axis=1, keepdims=True) + 1e-30
    added = damping[:, None] * diagonal + floor
    matrix = curvature + added[:, None] * np.eye(slope.shape[1])
    return np.linalg.solve(matrix, slope[..., None])[..., 0]

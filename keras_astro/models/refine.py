"""Better latents for one spectrum at a time: least squares with a frozen decoder.

Levenberg-Marquardt on the codes of many rows at once, in NumPy; any function from
codes to what they decode to will do, be it TFLite's, TensorFlow's or a formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Decode = Callable[[np.ndarray], np.ndarray]

# Differences of codes: large against the rounding of float32 outputs, small against
# the curvature of decoders whose codes are of order 1.
STEP = 1e-2
# Damping at the start, and by how much it falls after a success and grows after none.
DAMPING, EASED, STRESSED = 1e-2, 0.3, 4.0
TRIALS = 3
# A step that lowers a row's sum by less than this share of it is its last.
SETTLED = 1e-4
# Unexplained share of the weighted sum of squares from which other starts are tried.
UNEXPLAINED = 0.01
# Of many starts, those that are nearest to a row's data are tried, by a few steps each;
# the best of them goes on. Half of both takes half of the time and leaves 8 % more of
# single clouds, 2 % more of several.
TRIED, FEW_STEPS = 16, 12
# Velocities of plain spectra to start from, in units of 100 km/s. An encoder that takes
# one line for another leaves a code from where no slope leads back; a plain spectrum at
# some velocity does not.
VELOCITIES = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
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


def velocity_starts(latents: int) -> np.ndarray:
    """Codes of plain spectra at several velocities, for decoders that move spectra.

    Example:
        >>> velocity_starts(2)[:2].tolist()
        [[-2.0, 0.0], [-1.0, 0.0]]
    """
    codes = np.zeros((len(VELOCITIES), latents), np.float32)
    codes[:, 0] = VELOCITIES
    return codes


def refine(
    decode: Decode,
    z: np.ndarray,
    observed: np.ndarray,
    weight: np.ndarray,
    *,
    steps: int = 25,
    errors_known: bool = True,
    starts: np.ndarray | None = None,
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
        starts: Codes to begin from as well, `(start, latent)`, in rows that leave more
            than a hundredth of their sum of squares: the sixteen of them whose spectra
            are nearest to a row take twelve steps each, the best goes on, and the least
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
    if steps and starts is not None and len(starts) and poor.any():
        seen, weighted = observed[poor], weight[poor]
        begin = _best_start(decode, np.float32(starts), seen, weighted)
        _take_better(found, poor, _in_parts(decode, begin, seen, weighted, steps))
    if not errors_known:
        freedom = np.maximum((weight > 0).sum(axis=1) - z.shape[1], 1)
        found.covariance *= (found.chi_square / freedom)[:, None, None]
    return found


def _in_parts(decode, z, observed, weight, steps) -> Refined:
    rows = max(1, TOGETHER // (2 * z.shape[1] * observed.shape[1]))
    parts = [
        _refined(
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


def _best_start(decode, starts, observed, weight) -> np.ndarray:
    """Of the starts nearest to each row the best after a few steps, `(row, latent)`."""
    rows = max(1, TOGETHER // (starts.shape[1] * observed.shape[1]))
    near = _nearest(decode, starts, observed, weight)
    best = starts[near[:, 0]]
    least = np.full(len(best), np.inf)
    for place in near.T:
        for i in range(0, len(best), rows):
            part = slice(i, i + rows)
            z, cost, _ = _descend(
                decode, starts[place[part]], observed[part], weight[part], FEW_STEPS
            )
            better = cost < least[part]
            best[part] = np.where(better[:, None], z, best[part])
            least[part] = np.where(better, cost, least[part])
    return best


def _nearest(decode, starts, observed, weight) -> np.ndarray:
    """Numbers of the starts whose spectra are nearest to each row, `(row, tried)`."""
    together = max(1, TOGETHER // observed.shape[1])
    weighted, parts = weight * observed, []
    for i in range(0, len(starts), together):
        made = decode(starts[i : i + together])
        parts.append(weight @ np.square(made).T - 2 * weighted @ made.T)
    distance = np.concatenate(parts, axis=1)
    return np.argsort(distance, axis=1, kind="stable")[:, :TRIED]


def _refined(decode, z, observed, weight, steps) -> Refined:
    before = _cost(decode(z) - observed, weight)
    z, cost, residual = _descend(decode, z, observed, weight, steps, central=True)
    curvature, _ = _normal_equations(decode, z, observed, residual, weight, True)
    floor = 1e-9 * np.trace(curvature, axis1=1, axis2=2)[:, None, None] + 1e-30
    covariance = np.linalg.inv(curvature + floor * np.eye(z.shape[1]))
    return Refined(z, covariance, cost, before)


def _descend(decode, z, observed, weight, steps, *, central=False):
    """Steps of all rows until each has settled: codes, sums and residuals."""
    z, damping = z.copy(), np.full(len(z), DAMPING)
    residual = decode(z) - observed
    cost = _cost(residual, weight)
    moving = np.arange(len(z))
    for _ in range(steps):
        x, w, before = observed[moving], weight[moving], cost[moving]
        curvature, slope = _normal_equations(
            decode, z[moving], x, residual[moving], w, central
        )
        left = np.arange(len(moving))
        for _ in range(TRIALS):
            rows = moving[left]
            step = _solve(curvature[left], slope[left], damping[rows])
            trial = z[rows] - step.astype(np.float32)
            moved = decode(trial) - x[left]
            reached = _cost(moved, w[left])
            better = reached < cost[rows]
            damping[rows] *= np.where(better, EASED, STRESSED)
            taken = rows[better]
            z[taken], residual[taken] = trial[better], moved[better]
            cost[taken] = reached[better]
            left = left[~better]
            if not len(left):
                break
        damping = np.clip(damping, 1e-9, 1e6)
        moving = moving[cost[moving] < (1 - SETTLED) * before]
        if not len(moving):
            break
    return z, cost, residual


def _cost(residual, weight) -> np.ndarray:
    return np.einsum("rp,rp,rp->r", weight, residual, residual, dtype=np.float64)


def _normal_equations(decode, z, observed, residual, weight, central):
    """`J^T W J` and `J^T W r`, with J by differences of all rows at once."""
    rows, latents = z.shape
    offset = STEP * np.eye(latents, dtype=np.float32)
    ends = [z[:, None] + offset, z[:, None] - offset][: 2 if central else 1]
    decoded = decode(np.stack(ends).reshape(-1, latents))
    decoded = decoded.reshape(len(ends), rows, latents, -1)
    other = decoded[1] if central else (residual + observed)[:, None]
    jacobian = (decoded[0] - other) / (STEP * len(ends))
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

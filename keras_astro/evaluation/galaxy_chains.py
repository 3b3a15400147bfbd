"""Markov chains through the exact posterior: the referee of importance sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_astro.evaluation.galaxy_target import GalaxyTarget

# Length of a step along the line of two walkers, for which every tenth is a jump of 1.
STEP = 2.38
JUMPS = 0.1
JITTER = 1e-4


@dataclass
class Chains:
    """Walkers of many galaxies, after the steps that are dropped.

    Args:
        parameters: In their units, `(row, step, walker, 5)`.
        accepted: Fraction of steps taken, `(row,)`.
    """

    parameters: np.ndarray
    accepted: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Posterior means, `(row, 5)`."""
        return self.parameters.mean(axis=(1, 2))


def walk(
    target: GalaxyTarget,
    start: np.ndarray,
    *,
    steps: int,
    dropped: int,
    seed: int = 0,
) -> Chains:
    """Differential-evolution chains of all rows, step by step together.

    A walker moves along the difference of two others of its row, so that steps have the
    shape of the posterior, whatever it is.

    Args:
        target: The posterior densities.
        start: Places in u, `(row, walker, 5)`, at least 4 walkers.
        steps: Steps of each walker.
        dropped: First ones that are forgotten.
        seed: Of the proposals.

    Reference:
        ter Braak 2006, Stat. Comput. 16, 239 (DE-MC), with its section 4 for two
        halves of walkers that move in turn.
    """
    rng = np.random.default_rng(seed)
    u = np.array(start, dtype="float64")
    rows, walkers, size = u.shape
    half = walkers // 2
    density = target.log_density(
        u.reshape(-1, size), np.repeat(np.arange(rows), walkers)
    ).reshape(rows, walkers)
    kept, accepted = [], np.zeros(rows)
    for step in range(steps):
        for moving, others in (
            (slice(0, half), np.arange(half, walkers)),
            (slice(half, walkers), np.arange(half)),
        ):
            count = u[:, moving].shape[1]
            proposal = u[:, moving] + _difference(u, others, count, rng)
            new = target.log_density(
                proposal.reshape(-1, size), np.repeat(np.arange(rows), count)
            ).reshape(rows, count)
            take = np.log(rng.uniform(size=new.shape)) < new - density[:, moving]
            u[:, moving] = np.where(take[..., None], proposal, u[:, moving])
            density[:, moving] = np.where(take, new, density[:, moving])
            accepted += take.sum(axis=1)
        if step >= dropped:
            kept.append(target.parameters(u))
    return Chains(np.stack(kept, axis=1), accepted / (steps * walkers))


def _difference(u, others, count, rng):
    """Steps `(row, count, 5)`: differences of two walkers that stand still."""
    rows, _, size = u.shape
    order = rng.uniform(size=(rows, count, len(others))).argsort(axis=-1)
    row = np.arange(rows)[:, None]
    first, second = (u[row, others[order[..., i]]] for i in range(2))
    jump = rng.uniform(size=(rows, count, 1)) < JUMPS
    length = np.where(jump, 1.0, STEP / np.sqrt(2 * size))
    return length * (first - second) + JITTER * rng.normal(size=first.shape)


def shrink_factor(first: Chains, second: Chains) -> np.ndarray:
    """Gelman and Rubin's factor of two independent chains, `(row, 5)`; 1 at the end.

    Reference:
        Gelman and Rubin 1992, Stat. Sci. 7, 457.
    """
    pair = [
        c.parameters.reshape(len(c.mean), -1, c.mean.shape[1]) for c in (first, second)
    ]
    within = np.mean([values.var(axis=1, ddof=1) for values in pair], axis=0)
    between = np.var([values.mean(axis=1) for values in pair], axis=0, ddof=1)
    return np.sqrt((within + between) / within)

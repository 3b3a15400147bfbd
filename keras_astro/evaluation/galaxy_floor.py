"""The least error there is: means of the exact posterior, by importance sampling.

Samples come from a network's posterior with heavier tails, and are weighted by
likelihood times prior over that density. The weighted samples then shape the next
proposal, which fits the posterior better. Whatever the network is, the weighted mean
converges to that of the exact posterior, and the effective number of samples tells how
far it has come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from keras_astro.errors import DataError
from keras_astro.evaluation.galaxy_target import GalaxyTarget
from keras_astro.metrics.box_posterior import BoxPosterior
from keras_astro.metrics.student_mixture import StudentMixture

# Samples of each proposal after the first, relative to the samples of a row.
ROUNDS = (0.2, 0.2, 0.2, 0.4)
# With fewer effective samples than that, weights are levelled before a fit to them.
LEAST_EFFECTIVE = 50.0


@dataclass
class Floor:
    """Exact posteriors by weighted samples.

    Args:
        mean: Posterior means, `(row, 5)`.
        sd: Posterior standard deviations, `(row, 5)`.
        effective: Effective number of samples, `(row,)`.
        samples: Equally weighted samples in u, `(row, sample, 5)`, with repetitions.
    """

    mean: np.ndarray
    sd: np.ndarray
    effective: np.ndarray
    samples: np.ndarray


def exact_posterior(
    target: GalaxyTarget,
    proposal: BoxPosterior,
    *,
    samples: int,
    kept: int = 64,
    seed: int = 0,
) -> Floor:
    """Means and standard deviations under the recipe's own prior.

    Args:
        target: The posterior densities.
        proposal: Posteriors of a network on the same rows.
        samples: Samples a row.
        kept: Samples a row that are returned.
        seed: Of the samples.

    Raises:
        DataError: If no sample of a row is within the prior.

    Reference:
        Cornuet et al. 2012, Scand. J. Stat. 39, 798 (adaptive multiple importance
        sampling); Dax et al. 2023, Phys. Rev. Lett. 130, 171403 (a network as the
        proposal).
    """
    found = []
    for row in range(len(target)):
        rng = np.random.default_rng([seed, row])
        first = StudentMixture(
            proposal.weight[row].astype("float64"),
            proposal.location[row].astype("float64"),
            proposal.scale[row].astype("float64"),
        )
        u, weight = _adapt(target, row, first, samples, rng)
        values = target.parameters(u)
        mean = weight @ values
        sd = np.sqrt(weight @ (values - mean) ** 2)
        again = u[rng.choice(len(u), kept, p=weight)]
        found.append((mean, sd, 1.0 / np.sum(weight**2), again))
    return Floor(*(np.array(values) for values in zip(*found, strict=True)))


def _adapt(target, row, mixture, samples, rng):
    """Samples of all proposals, weighted by the density of all together."""
    u, density, mixtures, counts = np.empty((0, mixture.location.shape[1])), [], [], []
    for fraction in ROUNDS:
        count = max(int(fraction * samples), 8)
        drawn = mixture.draw(count, rng)
        u = np.concatenate([u, drawn])
        density.append(target.log_density(drawn, np.full(count, row)))
        mixtures.append(mixture)
        counts.append(count)
        log_weight = np.concatenate(density) - logsumexp(
            [m.log_density(u) for m in mixtures], axis=0, b=np.array(counts)[:, None]
        )
        if not np.isfinite(log_weight.max()):
            raise DataError(
                f"row {row}: expected samples within the prior, found none of {len(u)}",
                hint="Use the recipe by which the images were simulated.",
            )
        mixture = mixture.fitted(u, _levelled(log_weight))
    return u, _normal(log_weight)


def _levelled(log_weight: np.ndarray) -> np.ndarray:
    """Weights to a power of at most one, so that enough samples are effective."""
    power = 1.0
    while power > 1e-3:
        weight = _normal(power * log_weight)
        if 1.0 / np.sum(weight**2) >= LEAST_EFFECTIVE:
            return weight
        power *= 0.7
    return _normal(0.0 * np.where(np.isfinite(log_weight), log_weight, 0.0))


def _normal(log_weight: np.ndarray) -> np.ndarray:
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum()

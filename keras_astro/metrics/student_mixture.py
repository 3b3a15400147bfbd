"""Mixtures of Student's t: proposals whose tails are never too thin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

# Heavy enough to bound importance weights, light enough to have a variance.
FREEDOM = 5.0
# Share of its own covariance that a component keeps of all draws' covariance.
SHRINKAGE = 0.1


@dataclass(frozen=True)
class StudentMixture:
    """A mixture of multivariate t distributions with 5 degrees of freedom.

    Args:
        weight: `(component,)`.
        location: `(component, parameter)`.
        scale: `(component, parameter, parameter)`, lower triangular.

    Example:
        >>> one = StudentMixture(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
        >>> one.log_density(np.zeros((1, 1))).round(4).tolist()
        [-0.9686]
    """

    weight: np.ndarray
    location: np.ndarray
    scale: np.ndarray

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Samples, `(n, parameter)`."""
        size = self.location.shape[1]
        chosen = rng.choice(len(self.weight), n, p=self.weight / self.weight.sum())
        normal = rng.normal(size=(n, size, 1)) / np.sqrt(
            rng.chisquare(FREEDOM, (n, 1, 1)) / FREEDOM
        )
        return self.location[chosen] + (self.scale[chosen] @ normal)[..., 0]

    def log_density(self, u: np.ndarray) -> np.ndarray:
        """`(point, parameter)` to `(point,)`."""
        return logsumexp(self._each(u), axis=1)

    def fitted(self, u: np.ndarray, weight: np.ndarray) -> StudentMixture:
        """The mixture after one step of expectation and maximisation.

        Args:
            u: Points drawn from anything, `(point, parameter)`.
            weight: Their importance weights, which sum to 1.

        Reference:
            Cappe et al. 2008, Stat. Comput. 18, 447, equations 13 to 15.
        """
        each = self._each(u)
        share = np.exp(each - logsumexp(each, axis=1, keepdims=True))
        part = weight[:, None] * share
        total = part.sum(axis=0)
        whole = _covariance(u, weight, weight @ u)
        location, scale = [], []
        for k, mass in enumerate(total):
            # A component that no point belongs to takes the place of all.
            own = part[:, k] / mass if mass > 1e-3 else weight
            centre = own @ u
            covariance = (1 - SHRINKAGE) * _covariance(u, own, centre)
            location.append(centre)
            scale.append(np.linalg.cholesky(covariance + SHRINKAGE * whole))
        return StudentMixture(total, np.array(location), np.array(scale))

    def _each(self, u: np.ndarray) -> np.ndarray:
        size = u.shape[1]
        difference = u[None] - self.location[:, None]
        white = np.linalg.solve(self.scale, np.swapaxes(difference, 1, 2))
        square = np.sum(white**2, axis=1).T
        diagonal = np.diagonal(self.scale, axis1=1, axis2=2)
        constant = (
            gammaln((FREEDOM + size) / 2)
            - gammaln(FREEDOM / 2)
            - 0.5 * size * np.log(FREEDOM * np.pi)
            - np.log(diagonal).sum(axis=1)
        )
        tail = -0.5 * (FREEDOM + size) * np.log1p(square / FREEDOM)
        return np.log(np.maximum(self.weight, 1e-12)) + constant + tail


def _covariance(u: np.ndarray, weight: np.ndarray, centre: np.ndarray) -> np.ndarray:
    offset = u - centre
    floor = 1e-8 * np.eye(u.shape[1])
    return (weight[:, None] * offset).T @ offset + floor

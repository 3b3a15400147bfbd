"""Scores of posteriors within a box: density at the truth, PIT, CRPS, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

from keras_astro.errors import DataError

# Truths at a side of the box would be infinitely far away in its probit.
EDGE = 1e-6
GRID = 400
BLOCK = 500


@dataclass(frozen=True)
class BoxPosterior:
    """Mixtures of Gaussians in the probit of p = (theta - low) / (high - low).

    Args:
        weight: `(row, component)`.
        location: `(row, component, parameter)`.
        scale: `(row, component, parameter, parameter)`, lower triangular.
        low: Lower limits, `(parameter,)`.
        high: Upper limits.

    Raises:
        DataError: If the shapes do not agree.

    Example:
        >>> one = np.ones((1, 1, 1, 1))
        >>> flat = BoxPosterior(one[0, 0], 0 * one[0], one, [0.0], [2.0])
        >>> flat.pit([[0.5]]).tolist(), flat.log_density([[0.5]]).round(6).tolist()
        ([[0.25]], [-0.693147])
    """

    weight: np.ndarray
    location: np.ndarray
    scale: np.ndarray
    low: Sequence[float]
    high: Sequence[float]

    def __post_init__(self):
        rows, components, size = np.shape(self.location)
        expected = {
            "weight": (rows, components),
            "scale": (rows, components, size, size),
            "low": (size,),
            "high": (size,),
        }
        for name, shape in expected.items():
            if np.shape(getattr(self, name)) != shape:
                raise DataError(
                    f"posterior {name}: expected shape {shape}, received "
                    f"{np.shape(getattr(self, name))}",
                    hint="Give location as (row, component, parameter): the others "
                    "follow it.",
                )

    @property
    def width(self) -> np.ndarray:
        """Widths of the box."""
        return np.subtract(self.high, self.low)

    def probit(self, values) -> np.ndarray:
        """Parameters `(..., parameter)` in the space of the Gaussians."""
        p = (np.asarray(values, dtype=np.float64) - self.low) / self.width
        return ndtri(np.clip(p, EDGE, 1 - EDGE))

    def log_density(self, truth) -> np.ndarray:
        """Log of the joint density at the truth `(row, parameter)`, `(row,)`.

        In one over the product of the parameters' units.
        """
        u = self.probit(truth)
        whitened = np.linalg.solve(
            self.scale.astype(np.float64), (u[:, None] - self.location)[..., None]
        )[..., 0]
        diagonal = np.diagonal(self.scale, axis1=-2, axis2=-1)
        each = (
            np.log(np.maximum(self.weight, 1e-300))
            - 0.5 * np.sum(whitened**2, axis=-1)
            - np.log(diagonal).sum(axis=-1)
        )
        return logsumexp(each, axis=1) + np.sum(0.5 * u**2 - np.log(self.width), axis=1)

    def cdf(self, values) -> np.ndarray:
        """Marginal probability of less than `values` `(row, parameter)`, that shape."""
        z = (self.probit(values)[:, None] - self.location) / self._sd()
        # Rounded weights of a row may sum to a little more than one.
        return np.minimum(np.sum(self.weight[..., None] * ndtr(z), axis=1), 1.0)

    def pit(self, truth) -> np.ndarray:
        """Probability integral transform, uniform where posteriors are honest."""
        return self.cdf(truth)

    def crps(self, truth) -> np.ndarray:
        """Continuous ranked probability score, `(row, parameter)`, in its unit.

        The integral of (F(t) - [t >= truth])^2 over the box.

        Reference:
            Gneiting and Raftery 2007, J. Am. Stat. Assoc. 102, 359, equation 20.
        """
        truth = np.asarray(truth, dtype=np.float64)
        p = (np.arange(GRID) + 0.5) / GRID
        u, position = ndtri(p), np.clip((truth - self.low) / self.width, 0.0, 1.0)
        sd, found = self._sd(), np.empty_like(truth)
        for start in range(0, len(truth), BLOCK):
            rows = slice(start, start + BLOCK)
            z = (u - self.location[rows, ..., None]) / sd[rows, ..., None]
            below = np.sum(self.weight[rows, :, None, None] * ndtr(z), axis=1)
            # The fraction of each cell above the truth.
            above = np.clip((p - position[rows, :, None]) * GRID + 0.5, 0.0, 1.0)
            score = above * (1 - below) ** 2 + (1 - above) * below**2
            found[rows] = np.mean(score, axis=-1)
        return found * self.width

    def draw(self, n: int, *, seed: int = 0) -> np.ndarray:
        """Samples of each row's posterior, `(row, n, parameter)`."""
        rng = np.random.default_rng(seed)
        rows, components, size = self.location.shape
        edges = np.cumsum(self.weight, axis=1)
        chosen = np.sum(
            rng.uniform(size=(rows, n, 1)) * edges[:, None, -1:] > edges[:, None],
            axis=2,
        )
        row = np.arange(rows)[:, None]
        scale, location = self.scale[row, chosen], self.location[row, chosen]
        normal = rng.normal(size=(rows, n, size, 1))
        u = location + (scale @ normal)[..., 0]
        return self.low + self.width * ndtr(u)

    def _sd(self) -> np.ndarray:
        return np.sqrt(np.sum(self.scale.astype(np.float64) ** 2, axis=-1))

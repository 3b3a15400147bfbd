"""Predicted distributions from a head's raw outputs, in NumPy alone.

Every kind of head gives a mixture of Gaussians with Cholesky factors; a Gaussian is a
mixture of one. `keras_astro.losses.predictive` says how raw outputs are laid out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from keras_astro.errors import DataError

LOG_VARIANCE_LIMIT = 12.0
_normal_cdf = np.frompyfunc(NormalDist().cdf, 1, 1)


@dataclass(frozen=True)
class Predictive:
    """Distributions of parameters, one a row.

    Args:
        weights: `(row, component)`, summing to 1.
        means: `(row, component, parameter)`.
        factors: Cholesky factors of the covariances, `(row, component, parameter,
            parameter)`.

    Example:
        >>> found = gaussian(np.array([[1.0, 0.0]]))
        >>> found.mean().tolist(), found.sd().tolist()
        ([[1.0]], [[1.0]])
        >>> found.quantile(0.8413447).round(4).tolist()
        [[2.0]]
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    def in_units(self, offset, unit) -> Predictive:
        """The distributions of `offset + unit * parameter`, each `(parameter,)`."""
        unit = np.asarray(unit, dtype=np.float64)
        return Predictive(
            self.weights,
            self.means * unit + np.asarray(offset, dtype=np.float64),
            self.factors * unit[:, None],
        )

    def mean(self) -> np.ndarray:
        """Means, `(row, parameter)`."""
        return np.einsum("rc,rcp->rp", self.weights, self.means)

    def covariance(self) -> np.ndarray:
        """Covariances, `(row, parameter, parameter)`.

        The mean covariance of the components and the covariance of their means.
        """
        inside = np.einsum(
            "rc,rcpk,rcqk->rpq", self.weights, self.factors, self.factors
        )
        apart = self.means - self.mean()[:, None]
        return inside + np.einsum("rc,rcp,rcq->rpq", self.weights, apart, apart)

    def sd(self) -> np.ndarray:
        """Standard deviations, `(row, parameter)`."""
        return np.sqrt(np.diagonal(self.covariance(), axis1=1, axis2=2))

    def cdf(self, values) -> np.ndarray:
        """Probability that each parameter is at most a value, `(row, parameter)`.

        At the truth it is the probability integral transform.
        """
        values = np.asarray(values, dtype=np.float64)[:, None]
        normal = _normal_cdf((values - self.means) / self._component_sd())
        return np.einsum("rc,rcp->rp", self.weights, normal.astype(np.float64))

    def quantile(self, probability: float) -> np.ndarray:
        """Quantiles of each parameter on its own, `(row, parameter)`.

        Raises:
            DataError: If the probability is not between 0 and 1.
        """
        if not 0.0 < probability < 1.0:
            raise DataError(
                f"quantile: expected a probability between 0 and 1, received "
                f"{probability}",
                hint="Give 0.5 for the median; divide percentages by 100.",
            )
        ends = self.means + NormalDist().inv_cdf(probability) * self._component_sd()
        # The mixture's quantile lies between those of its components.
        low, high = ends.min(axis=1), ends.max(axis=1)
        for _ in range(60 if self.weights.shape[1] > 1 else 0):
            middle = 0.5 * (low + high)
            below = self.cdf(middle) < probability
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return 0.5 * (low + high)

    def samples(self, n: int, *, seed: int) -> np.ndarray:
        """Draws, `(row, n, parameter)`."""
        rng = np.random.default_rng(seed)
        rows, _, parameters = self.means.shape
        steps = np.cumsum(self.weights, axis=1)
        steps[:, -1] = 1.0
        draws = rng.random((rows, n, 1))
        chosen = np.argmax(draws < steps[:, None, :], axis=2)
        row = np.arange(rows)[:, None]
        noise = rng.standard_normal((rows, n, parameters))
        return self.means[row, chosen] + np.einsum(
            "rnpk,rnk->rnp", self.factors[row, chosen], noise
        )

    def log_prob(self, values) -> np.ndarray:
        """Logarithm of the joint density of a row's parameters, in nats, `(row,)`."""
        error = np.asarray(values, dtype=np.float64)[:, None] - self.means
        white = np.linalg.solve(self.factors, error[..., None])[..., 0]
        log_det = np.log(np.diagonal(self.factors, axis1=2, axis2=3)).sum(axis=-1)
        parameters = error.shape[-1]
        with np.errstate(divide="ignore"):  # a weight of 0 has the logarithm -inf
            parts = np.log(self.weights) - log_det - 0.5 * (white**2).sum(axis=-1)
        top = parts.max(axis=1, keepdims=True)
        total = top[:, 0] + np.log(np.exp(parts - top).sum(axis=1))
        return total - 0.5 * parameters * math.log(2.0 * math.pi)

    def _component_sd(self) -> np.ndarray:
        return np.sqrt((self.factors**2).sum(axis=-1))


def gaussian(raw) -> Predictive:
    """Independent Gaussians of the raw outputs of a `parameter_head`.

    Args:
        raw: `(row, 2 * parameter)`.

    Raises:
        DataError: If the width does not fit.
    """
    raw = _table(raw, "gaussian")
    parameters = raw.shape[1] // 2
    if raw.shape[1] != 2 * parameters:
        raise _misfit("gaussian", raw.shape[1])
    return _diagonal(
        np.ones((len(raw), 1)), raw[:, None, :parameters], raw[:, None, parameters:]
    )


def covariance(raw) -> Predictive:
    """Correlated Gaussians of the raw outputs of a `covariance_head`.

    Args:
        raw: `(row, parameter * (parameter + 3) / 2)`.

    Raises:
        DataError: If the width does not fit.
    """
    raw = _table(raw, "covariance")
    parameters = round((math.sqrt(9 + 8 * raw.shape[1]) - 3) / 2)
    if parameters * (parameters + 3) // 2 != raw.shape[1]:
        raise _misfit("covariance", raw.shape[1])
    found = _diagonal(
        np.ones((len(raw), 1)),
        raw[:, None, :parameters],
        raw[:, None, parameters : 2 * parameters],
    )
    rows, columns = np.tril_indices(parameters, -1)
    found.factors[:, 0, rows, columns] = raw[:, 2 * parameters :]
    return found


def mixture(raw, *, components: int) -> Predictive:
    """Mixtures of Gaussians of the raw outputs of a `mixture_head`.

    Args:
        raw: `(row, component * (1 + 2 * parameter))`.
        components: Number of components.

    Raises:
        DataError: If the width does not fit.
    """
    raw = _table(raw, "mixture")
    parameters = (raw.shape[1] // components - 1) // 2
    if components * (1 + 2 * parameters) != raw.shape[1] or parameters < 1:
        raise _misfit(f"mixture of {components}", raw.shape[1])
    shape = (len(raw), components, parameters)
    logits = raw[:, :components] - raw[:, :components].max(axis=1, keepdims=True)
    weights = np.exp(logits)
    end = components * (1 + parameters)
    return _diagonal(
        weights / weights.sum(axis=1, keepdims=True),
        raw[:, components:end].reshape(shape),
        raw[:, end:].reshape(shape),
    )


def _diagonal(weights, means, log_variance) -> Predictive:
    bounded = LOG_VARIANCE_LIMIT * np.tanh(log_variance / LOG_VARIANCE_LIMIT)
    sd = np.exp(0.5 * bounded)
    return Predictive(weights, means, sd[..., None] * np.eye(sd.shape[-1]))


def _table(raw, kind: str) -> np.ndarray:
    raw = np.asarray(raw, dtype=np.float64)
    if raw.ndim != 2:
        raise DataError(
            f"raw outputs of a {kind} head: expected (row, output), received shape "
            f"{raw.shape}",
            hint="Put the rows first; one row alone is raw[None].",
        )
    return raw


def _misfit(kind: str, width: int) -> DataError:
    return DataError(
        f"raw outputs of a {kind} head: no number of parameters gives {width} outputs",
        hint="P parameters have 2 P outputs, with covariance P (P + 3) / 2, with C "
        "components C (1 + 2 P).",
    )

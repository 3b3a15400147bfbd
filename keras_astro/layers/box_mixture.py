"""Posteriors within a box: mixtures of Gaussians behind a probit on each side.

A parameter theta between its limits is p = (theta - low) / (high - low), and
u = Phi^-1(p), with Phi the cumulative distribution of the unit Gaussian, is unbounded.
A uniform prior on theta is a unit Gaussian in u, so that a row which says nothing is
described exactly, and means have a closed form.
"""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops
from scipy.special import ndtri

from keras_astro.errors import ConfigError
from keras_astro.layers.box_stretch import mixture_moments, stretched
from keras_astro.registry import register

# Truths at a side of the box would be infinitely far away.
EDGE = 1e-6
QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)
# Halvings of the interval in which a quantile lies.
HALVINGS = 24
FARTHEST = 8.0
SMALLEST_SCALE = 1e-3


def raw_width(parameters: int, components: int) -> int:
    """Numbers that describe a mixture: weights, means and triangular scales.

    Example:
        >>> raw_width(5, 3)
        63
    """
    return components * (1 + parameters + parameters * (parameters + 1) // 2)


def normal_cdf(x):
    """Phi(x), to 1e-7, by operations that small runtimes have.

    Reference:
        Abramowitz and Stegun 1964, equation 7.1.26.

    Example:
        >>> round(float(normal_cdf(ops.ones(()))), 5)
        0.84134
    """
    half = ops.abs(x) / math.sqrt(2.0)
    t = 1.0 / (1.0 + 0.3275911 * half)
    series = t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))
    tail = 0.5 * t * (0.254829592 + t * (-0.284496736 + series)) * ops.exp(-(half**2))
    return ops.where(x > 0, 1.0 - tail, tail)


def unpack(raw, parameters: int, components: int):
    """Raw outputs of a network to a mixture in u.

    Args:
        raw: `(batch, raw_width)`.
        parameters: Number of parameters.
        components: Number of Gaussians.

    Returns:
        Log weights `(batch, component)`, means `(batch, component, parameter)` and the
        rows of the lower triangular scales, a list of `(batch, component, i + 1)`.
    """
    raw = ops.reshape(raw, (-1, components, raw.shape[-1] // components))
    logits = raw[..., 0]
    # Built from primitives: in floating point a softmax may round to zero.
    shifted = logits - ops.max(logits, axis=-1, keepdims=True)
    log_weight = shifted - ops.log(ops.sum(ops.exp(shifted), axis=-1, keepdims=True))
    mean = raw[..., 1 : 1 + parameters]
    rows, at = [], 1 + parameters
    for i in range(parameters):
        below, diagonal = raw[..., at : at + i], raw[..., at + i : at + i + 1]
        scale = SMALLEST_SCALE + ops.exp(5.0 * ops.tanh(diagonal / 5.0))
        rows.append(ops.concatenate([below, scale], axis=-1) if i else scale)
        at += i + 1
    return log_weight, mean, rows


def log_density(u, log_weight, mean, rows):
    """Log density of the mixture at `u`, `(batch, parameter)`: `(batch,)`."""
    difference = ops.expand_dims(u, 1) - mean
    whitened, log_scale = [], 0.0
    for i, row in enumerate(rows):
        rest = difference[..., i]
        for j, before in enumerate(whitened):
            rest = rest - row[..., j] * before
        whitened.append(rest / row[..., i])
        log_scale = log_scale + ops.log(row[..., i])
    square = sum(z**2 for z in whitened)
    constant = 0.5 * len(rows) * math.log(2 * math.pi)
    return ops.logsumexp(log_weight - 0.5 * square - log_scale - constant, axis=-1)


def box_mean(log_weight, mean, rows):
    """Mean of p under the mixture, `(batch, parameter)`.

    E[Phi(m + s x)] = Phi(m / sqrt(1 + s^2)) for a unit Gaussian x.
    """
    sd = marginal_sd(rows)
    each = normal_cdf(mean / ops.sqrt(1.0 + sd**2))
    return ops.sum(ops.exp(log_weight)[..., None] * each, axis=1)


def marginal_sd(rows):
    """Standard deviations in u, `(batch, component, parameter)`."""
    return ops.stack([ops.sqrt(ops.sum(row**2, axis=-1)) for row in rows], axis=-1)


@register()
class BoxMixture(keras.layers.Layer):
    """From a network's raw outputs to moments and quantiles of the posterior.

    Args:
        low: Lower limits, one a parameter, in their units.
        high: Upper limits.
        components: Number of Gaussians.
        nodes: Points of each Gaussian behind the covariance.
        seed: Of their directions.
        conditions: Numbers known of a row on which the correction of widths depends.

    Input shape: `(batch, raw_width)`; with conditions, a list of that and
        `(batch, condition)`.
    Output shape: mean `(batch, parameter)`, covariance `(batch, parameter, parameter)`
        and quantiles `(batch, parameter, quantile)` in the parameters' units; weights
        `(batch, component)`, means `(batch, component, parameter)` and lower triangular
        scales `(batch, component, parameter, parameter)` of the Gaussians in u.

    Raises:
        ConfigError: If the limits do not make a box.

    Example:
        >>> layer = BoxMixture([0.0], [2.0], components=1)
        >>> found = layer(ops.zeros((1, 3)))
        >>> round(float(found["mean"][0, 0]), 4), found["quantiles"].shape
        (1.0, TensorShape([1, 1, 5]))
    """

    def __init__(
        self, low, high, components=3, nodes=64, seed=0, conditions=0, **kwargs
    ):
        # Half precision would cost more than a tenth of the smallest errors.
        super().__init__(**({"dtype": "float32"} | kwargs))
        self.low, self.high = [list(map(float, side)) for side in (low, high)]
        if len(self.low) != len(self.high) or not np.all(np.less(self.low, self.high)):
            raise ConfigError(
                f"posterior limits: expected low < high of one length, received "
                f"{self.low} and {self.high}",
                hint="Give each parameter a lower and an upper limit, in the same "
                "order.",
            )
        self.components = components
        self.nodes = nodes
        self.seed = seed
        self.conditions = conditions
        self.stretch = self.add_weight(
            shape=(len(self.low), 2 + conditions),
            initializer="zeros",
            trainable=False,
            name="stretch",
        )
        half = np.random.default_rng(seed).normal(size=(nodes // 2, len(self.low)))
        # Pairs of opposite sign, of unit variance: the first two moments are exact.
        half = half @ np.linalg.inv(np.linalg.cholesky(half.T @ half / len(half))).T
        self.points = np.concatenate([half, -half]).astype("float32")

    def call(self, given):
        raw = self._raw(given)
        log_weight, mean, rows = self._mixture(given)
        weight, scale = ops.exp(log_weight), self._triangle(rows)
        centre = box_mean(log_weight, mean, rows)
        u = ops.expand_dims(mean, 2) + ops.matmul(
            ops.convert_to_tensor(self.points, raw.dtype),
            ops.transpose(scale, (0, 1, 3, 2)),
        )
        offset = normal_cdf(u) - centre[:, None, None, :]
        spread = ops.matmul(ops.transpose(offset, (0, 1, 3, 2)), offset)
        covariance = ops.sum(weight[..., None, None] * spread, axis=1)
        covariance = covariance / len(self.points)
        found = normal_cdf(quantiles(weight, mean, marginal_sd(rows)))
        low = ops.convert_to_tensor(self.low, raw.dtype)
        return {
            "mean": low + self._widened(centre, ()),
            "covariance": self._widened(self._widened(covariance, ()), (1,)),
            "quantiles": low[:, None] + self._widened(found, (1,)),
            "weight": weight,
            "location": mean,
            "scale": scale,
        }

    def set_stretch(self, coefficients) -> None:
        """Corrects widths by coefficients `(parameter, 2 + condition)`: `stretched`."""
        self.stretch.assign(coefficients)

    def _raw(self, given):
        return given[0] if self.conditions else given

    def _mixture(self, given):
        raw = ops.convert_to_tensor(self._raw(given))
        log_weight, mean, rows = unpack(raw, len(self.low), self.components)
        corrected = stretched(
            ops.exp(log_weight),
            mean,
            rows,
            marginal_sd(rows),
            self.stretch,
            ops.convert_to_tensor(given[1]) if self.conditions else None,
        )
        return log_weight, *corrected

    def marginals(self, given):
        """Quantiles, their levels, means and sds in u, as `fit_stretch` wants them."""
        log_weight, mean, rows = self._mixture(given)
        weight, sd = ops.exp(log_weight), marginal_sd(rows)
        centre, whole = mixture_moments(weight, mean, sd)
        found = quantiles(weight, mean, sd)
        found, centre, whole = map(ops.convert_to_numpy, (found, centre, whole))
        return found, np.array(QUANTILES), centre, whole

    def probit(self, values) -> np.ndarray:
        """Parameters `(row, parameter)` in u."""
        p = np.subtract(values, self.low) / np.subtract(self.high, self.low)
        return ndtri(np.clip(p, EDGE, 1 - EDGE))

    def _widened(self, values, more: tuple[int, ...]):
        """Times the widths of the box, along the last axis but those in `more`."""
        # In two steps: half precision cannot hold the width of a flux.
        root = np.sqrt(np.subtract(self.high, self.low)).reshape((-1, *more))
        root = ops.convert_to_tensor(root, values.dtype)
        return (values * root) * root

    def _triangle(self, rows):
        size = len(rows)
        full = [
            ops.pad(row, ((0, 0), (0, 0), (0, size - 1 - i)))
            for i, row in enumerate(rows)
        ]
        return ops.stack(full, axis=2)

    def compute_output_shape(self, input_shape):
        batch, k, d = self._raw(input_shape)[0], self.components, len(self.low)
        return {
            "mean": (batch, d),
            "covariance": (batch, d, d),
            "quantiles": (batch, d, len(QUANTILES)),
            "weight": (batch, k),
            "location": (batch, k, d),
            "scale": (batch, k, d, d),
        }

    def get_config(self):
        return super().get_config() | {
            "low": self.low,
            "high": self.high,
            "components": self.components,
            "nodes": self.nodes,
            "seed": self.seed,
            "conditions": self.conditions,
        }


def quantiles(weight, mean, sd):
    """Marginal quantiles in u by bisection, `(batch, parameter, quantile)`."""
    wanted = ops.convert_to_tensor(np.array(QUANTILES), mean.dtype)
    middle = ops.zeros_like(mean[:, 0, :, None]) * wanted
    step = FARTHEST
    for _ in range(HALVINGS):
        step /= 2
        z = (middle[:, None] - mean[..., None]) / sd[..., None]
        below = ops.sum(weight[..., None, None] * normal_cdf(z), axis=1)
        middle = middle + ops.where(below < wanted, step, -step)
    return middle

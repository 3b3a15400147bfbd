"""Negative log-likelihoods of parameters under predicted distributions.

A head's raw outputs are, with P parameters and C components:

- `gaussian`: P means, P log variances;
- `covariance`: P means, P logarithms of the squared diagonal of the covariance's
  Cholesky factor, P (P - 1) / 2 entries below it, row by row;
- `mixture`: C logits, C * P means, C * P log variances, component by component.

Log variances pass through `12 tanh(x / 12)`, which keeps the first steps finite.
"""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from keras_astro.errors import ConfigError
from keras_astro.registry import register

KINDS = ("gaussian", "covariance", "mixture")
LOG_VARIANCE_LIMIT = 12.0
LOG_TWO_PI = math.log(2.0 * math.pi)


def raw_width(kind: str, parameters: int, components: int = 1) -> int:
    """Number of raw outputs of a head.

    Raises:
        ConfigError: If the kind is unknown or there is nothing to predict.

    Example:
        >>> raw_width("covariance", 3), raw_width("mixture", 3, 2)
        (9, 14)
    """
    if kind not in KINDS:
        raise ConfigError(
            f"predictive head: expected one of {KINDS}, received {kind}",
            hint="Use gaussian, or covariance where errors of parameters go together.",
        )
    if parameters < 1 or components < 1:
        raise ConfigError(
            f"predictive head: expected 1 or more parameters and components, received "
            f"{parameters} and {components}",
            hint="Name a parameter to predict; components=1 is a single Gaussian.",
        )
    if kind == "gaussian":
        return 2 * parameters
    if kind == "covariance":
        return parameters * (parameters + 3) // 2
    return components * (1 + 2 * parameters)


def bounded(raw):
    """Log variances within +-12 of zero, smoothly."""
    return LOG_VARIANCE_LIMIT * ops.tanh(raw / LOG_VARIANCE_LIMIT)


def split_covariance(raw, parameters: int):
    """Means `(batch, P)` and Cholesky factors `(batch, P, P)` of raw outputs."""
    mean = raw[:, :parameters]
    diagonal = ops.exp(0.5 * bounded(raw[:, parameters : 2 * parameters]))
    entries = ops.concatenate([diagonal, raw[:, 2 * parameters :]], axis=1)
    # A product with 0 and 1 places the entries by an operation all runtimes have.
    places = ops.convert_to_tensor(_triangle(parameters), dtype=entries.dtype)
    flat = ops.matmul(entries, places)
    return mean, ops.reshape(flat, (-1, parameters, parameters))


def split_mixture(raw, parameters: int, components: int):
    """Logits `(batch, C)`, means and log variances, each `(batch, C, P)`."""
    shape = (-1, components, parameters)
    end = components * (1 + parameters)
    means = ops.reshape(raw[:, components:end], shape)
    return raw[:, :components], means, bounded(ops.reshape(raw[:, end:], shape))


def _triangle(size: int) -> np.ndarray:
    """1 where an entry (diagonal first, then below it) stands in the flat matrix."""
    rows, columns = np.tril_indices(size, -1)
    rows = np.concatenate([np.arange(size), rows])
    columns = np.concatenate([np.arange(size), columns])
    places = np.zeros((rows.size, size * size), "float32")
    places[np.arange(rows.size), rows * size + columns] = 1.0
    return places


@register()
class CovarianceNegativeLogLikelihood(keras.losses.Loss):
    """`-log N(target; mean, L L^T)` in nats, with L the predicted Cholesky factor.

    `|L^-1 (y - mean)|^2 / 2 + sum_i log L_ii + P log(2 pi) / 2`

    Call arguments: targets `(batch, parameter)`; raw outputs of a covariance head.

    Reference:
        Dorta et al. 2018, CVPR, "Structured uncertainty prediction networks", eq. 4.

    Example:
        >>> loss = CovarianceNegativeLogLikelihood()
        >>> round(float(loss(ops.zeros((1, 2)), ops.zeros((1, 5)))), 4)
        1.8379
    """

    def __init__(self, name="covariance_nll", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        parameters = y_true.shape[-1]
        mean, factor = split_covariance(y_pred, parameters)
        error = ops.expand_dims(y_true - mean, -1)
        white = ops.solve_triangular(factor, error, lower=True)[..., 0]
        log_diagonal = 0.5 * bounded(y_pred[:, parameters : 2 * parameters])
        return (
            0.5 * ops.sum(white**2, axis=-1)
            + ops.sum(log_diagonal, axis=-1)
            + 0.5 * parameters * LOG_TWO_PI
        )


@register()
class MixtureNegativeLogLikelihood(keras.losses.Loss):
    """`-log sum_c w_c N(target; mean_c, diag(variance_c))` in nats.

    Args:
        components: Number C of components.

    Call arguments: targets `(batch, parameter)`; raw outputs of a mixture head.

    Reference:
        Bishop 1994, "Mixture density networks", equation 29.

    Example:
        >>> loss = MixtureNegativeLogLikelihood(2)
        >>> round(float(loss(ops.zeros((1, 1)), ops.zeros((1, 6)))), 4)
        0.9189
    """

    def __init__(self, components: int, name="mixture_nll", **kwargs):
        super().__init__(name=name, **kwargs)
        self.components = components

    def call(self, y_true, y_pred):
        parameters = y_true.shape[-1]
        logits, mean, log_variance = split_mixture(y_pred, parameters, self.components)
        square = (ops.expand_dims(y_true, 1) - mean) ** 2 * ops.exp(-log_variance)
        log_normal = -0.5 * ops.sum(square + log_variance + LOG_TWO_PI, axis=-1)
        return -ops.logsumexp(ops.log_softmax(logits) + log_normal, axis=-1)

    def get_config(self):
        return super().get_config() | {"components": self.components}

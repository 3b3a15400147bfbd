"""Widths of posteriors corrected on rows that trained nothing.

A network may be sure of a parameter by a little too much or too little, and by another
amount where it is sure than where it is not. All Gaussians of a row are stretched
around their common mean, in u, by a factor that is a power of the parameter's own sd:

`t = exp(a + b ln sd)`, with `a` and `b` of each parameter fitted on calibration rows.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from scipy.optimize import minimize

# Corrections beyond a factor of two are not those of a network that has learned.
MOST = 0.7
# Calibration rows that are worth as much as the assumption of no correction.
DOUBT = 10.0


def mixture_moments(weight, mean, sd):
    """Mean and sd of a mixture along each parameter, `(batch, parameter)` both."""
    share = ops.expand_dims(weight, -1)
    centre = ops.sum(share * mean, axis=1)
    offset = mean - ops.expand_dims(centre, 1)
    return centre, ops.sqrt(ops.sum(share * (sd**2 + offset**2), axis=1))


def stretched(weight, mean, rows, sd, coefficients):
    """A mixture with corrected widths.

    Args:
        weight: `(batch, component)`.
        mean: `(batch, component, parameter)`.
        rows: Rows of the lower triangular scales, `(batch, component, i + 1)` each.
        sd: Marginal standard deviations, `(batch, component, parameter)`.
        coefficients: `a` and `b` of each parameter, `(parameter, 2)`.

    Returns:
        Means and rows of the same shapes.
    """
    centre, whole = mixture_moments(weight, mean, sd)
    power = coefficients[:, 0] + coefficients[:, 1] * ops.log(whole)
    factor = ops.exp(ops.clip(power, -MOST, MOST))
    centre, factor = ops.expand_dims(centre, 1), ops.expand_dims(factor, 1)
    moved = centre + factor * (mean - centre)
    return moved, [row * factor[..., i : i + 1] for i, row in enumerate(rows)]


def fit_stretch(
    quantiles: np.ndarray,
    levels: np.ndarray,
    centre: np.ndarray,
    sd: np.ndarray,
    truth: np.ndarray,
) -> np.ndarray:
    """Coefficients with which quantiles hold as often as they say, whatever the sd.

    Minimises the score of the quantiles, which is least where each is exceeded as
    often as it should be, with each row's errors in units of its own sd.

    Args:
        quantiles: Of the mixtures in u, `(row, parameter, level)`.
        levels: Their probabilities, `(level,)`.
        centre: Means of the mixtures, `(row, parameter)`.
        sd: Standard deviations of the mixtures, `(row, parameter)`.
        truth: Truths in u, `(row, parameter)`.

    Returns:
        `(parameter, 2)`.

    Reference:
        Koenker and Bassett 1978, Econometrica 46, 33.

    Example:
        >>> u = np.linspace(-2, 2, 401)[:, None]
        >>> ends = np.tile([[[-2.0, 2.0]]], (401, 1, 1))
        >>> levels = np.array([0.16, 0.84])
        >>> found = fit_stretch(ends, levels, 0 * u, np.ones_like(u), u)
        >>> bool(abs(np.exp(found[0, 0]) - 0.68) < 0.03)
        True
    """
    sd = np.asarray(sd, "float64")
    edges = (np.asarray(quantiles) - centre[..., None]) / sd[..., None]
    error = (truth - centre) / sd
    log_sd = np.log(sd)

    def score(x, i):
        factor = np.exp(np.clip(x[0] + x[1] * log_sd[:, i], -MOST, MOST))
        rest = error[:, i, None] - factor[:, None] * edges[:, i]
        loss = np.mean(np.maximum(levels * rest, (levels - 1) * rest))
        return loss + DOUBT * np.sum(np.square(x)) / len(error)

    found = [
        minimize(score, np.zeros(2), args=(i,), method="Nelder-Mead").x
        for i in range(error.shape[1])
    ]
    return np.array(found)


def calibrate(network: keras.Model, layer: keras.layers.Layer, inputs, truth) -> None:
    """Fits the stretch of a `BoxMixture` on rows that trained nothing.

    Args:
        network: From inputs to raw outputs.
        layer: The layer behind it.
        inputs: Of the rows, by name.
        truth: Their parameters, `(row, parameter)`.
    """
    raw = network.predict(inputs, batch_size=512, verbose=0)
    layer.set_stretch(np.zeros((len(layer.low), 2)))
    found = layer.marginals(raw)
    layer.set_stretch(fit_stretch(*found, layer.probit(truth)))

"""Widths of posteriors corrected on rows that trained nothing.

A network may be sure of a parameter by a little too much or too little, and by another
amount where it is sure than where it is not. All Gaussians of a row are stretched
around their common mean, in u, by a factor that is a power of the parameter's own sd
and of what else is known of the row, its conditions:

`t = exp(a + b ln sd + c . conditions)`, with the coefficients of each parameter fitted
on calibration rows.
"""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops
from scipy.optimize import minimize

# Corrections beyond a factor of two are not those of a network that has learned.
MOST = 0.7
# Probabilities of the quantiles that the fit looks at. A mixture's tails are not quite
# as long as they should be for its middle, and one factor cannot mend both: the 68 %
# interval is known less well by a given number of rows, so that it comes first.
FITTED = (0.16, 0.84)
# Calibration rows that are worth as much as the assumption of no correction.
DOUBT = 10.0


def mixture_moments(weight, mean, sd):
    """Mean and sd of a mixture along each parameter, `(batch, parameter)` both."""
    share = ops.expand_dims(weight, -1)
    centre = ops.sum(share * mean, axis=1)
    offset = mean - ops.expand_dims(centre, 1)
    return centre, ops.sqrt(ops.sum(share * (sd**2 + offset**2), axis=1))


def stretched(weight, mean, rows, sd, coefficients, conditions=None):
    """A mixture with corrected widths.

    Args:
        weight: `(batch, component)`.
        mean: `(batch, component, parameter)`.
        rows: Rows of the lower triangular scales, `(batch, component, i + 1)` each.
        sd: Marginal standard deviations, `(batch, component, parameter)`.
        coefficients: `a`, `b` and `c` of each parameter, `(parameter, 2 + condition)`.
        conditions: `(batch, condition)`, if there are any.

    Returns:
        Means and rows of the same shapes.
    """
    centre, whole = mixture_moments(weight, mean, sd)
    power = coefficients[:, 0] + coefficients[:, 1] * ops.log(whole)
    if conditions is not None:
        power = power + ops.matmul(conditions, ops.transpose(coefficients[:, 2:]))
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
    conditions: np.ndarray | None = None,
) -> np.ndarray:
    """Coefficients with which quantiles hold as often as they say, whatever the sd.

    Minimises the score of the quantiles, which is least where each is exceeded as
    often as it should be, with each row's errors in units of its own sd. Only the ends
    of the 68 % interval count.

    Args:
        quantiles: Of the mixtures in u, `(row, parameter, level)`.
        levels: Their probabilities, `(level,)`.
        centre: Means of the mixtures, `(row, parameter)`.
        sd: Standard deviations of the mixtures, `(row, parameter)`.
        truth: Truths in u, `(row, parameter)`.
        conditions: Of order one, `(row, condition)`, if there are any.

    Returns:
        `(parameter, 2 + condition)`.

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
    fitted = np.isin(np.round(levels, 6), FITTED)
    levels, quantiles = np.asarray(levels)[fitted], np.asarray(quantiles)[..., fitted]
    edges = (quantiles - centre[..., None]) / sd[..., None]
    error = (truth - centre) / sd
    known = np.ones((len(sd), 0)) if conditions is None else np.asarray(conditions)
    found = []
    for i in range(sd.shape[1]):
        terms = np.column_stack([np.ones(len(sd)), np.log(sd[:, i]), known])
        arguments = (terms, edges[:, i], error[:, i], levels)
        start = np.zeros(terms.shape[1])
        found.append(minimize(_score, start, arguments, jac=True).x)
    return np.array(found)


def _score(x, terms, edges, error, levels):
    """Score of stretched quantiles and its slope in the coefficients.

    Args:
        x: Coefficients.
        terms: What they multiply, `(row, coefficient)`.
        edges: Quantiles over the sd, `(row, level)`.
        error: Truths over the sd, `(row,)`.
        levels: Probabilities of the quantiles.
    """
    power = terms @ x
    factor = np.exp(np.clip(power, -MOST, MOST))
    rest = error[:, None] - factor[:, None] * edges
    side = np.where(rest > 0, levels, levels - 1)
    slope = -np.mean(side * edges, axis=1) * factor * (np.abs(power) < MOST)
    rows = len(error)
    return (
        np.mean(side * rest) + DOUBT * np.sum(np.square(x)) / rows,
        terms.T @ slope / rows + 2 * DOUBT * x / rows,
    )


def calibrate(
    network: keras.Model,
    layer: keras.layers.Layer,
    batches: Iterable[tuple[dict[str, np.ndarray], np.ndarray]],
) -> None:
    """Fits the stretch of a `BoxMixture` on rows that trained nothing.

    Args:
        network: From inputs to what the layer takes.
        layer: The layer behind it.
        batches: Inputs by name and parameters `(row, parameter)`.
    """
    layer.set_stretch(np.zeros(layer.stretch.shape))
    parts = []
    for inputs, truth in batches:
        given = network.predict(inputs, batch_size=512, verbose=0)
        known = given[1] if isinstance(given, list) else None
        quantiles, levels, centre, sd = layer.marginals(given)
        parts.append((quantiles, centre, sd, layer.probit(truth), known))
    quantiles, centre, sd, u, known = zip(*parts, strict=True)
    quantiles, centre, sd, u = map(np.concatenate, (quantiles, centre, sd, u))
    known = None if known[0] is None else np.concatenate(known)
    layer.set_stretch(fit_stretch(quantiles, levels, centre, sd, u, known))

"""Heads that predict parameters as distributions: their raw outputs.

`keras_astro.losses.predictive` trains them, `PredictiveMoments` turns raw outputs
into means and errors inside the graph, and `keras_astro.inference.distributions`
into quantiles, samples and probabilities without TensorFlow.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_astro.losses.predictive import raw_width
from keras_astro.models.dense import ACTIVATION


def parameter_head(
    features: int, parameters: int, *, hidden: Sequence[int] = (512, 512, 256)
) -> keras.Model:
    """Dense regression of parameters with independent Gaussian errors.

    Returns:
        `(batch, features)` to `(batch, 2 * parameters)`: standardised means, then log
        variances.

    Example:
        >>> parameter_head(8, 3).output_shape
        (None, 6)
    """
    width = raw_width("gaussian", parameters)
    return _head(
        features, width, hidden, name="parameter_head", last="mean_and_log_variance"
    )


def covariance_head(
    features: int, parameters: int, *, hidden: Sequence[int] = (512, 512, 256)
) -> keras.Model:
    """Dense regression of parameters with correlated Gaussian errors.

    Returns:
        `(batch, features)` to `(batch, parameters * (parameters + 3) / 2)`:
        standardised means, then the Cholesky factor of the covariance: logarithms of
        its squared diagonal, then the entries below it, row by row.

    Example:
        >>> covariance_head(8, 3).output_shape
        (None, 9)
    """
    width = raw_width("covariance", parameters)
    return _head(
        features, width, hidden, name="covariance_head", last="mean_and_cholesky"
    )


def mixture_head(
    features: int,
    parameters: int,
    *,
    components: int = 4,
    hidden: Sequence[int] = (512, 512, 256),
) -> keras.Model:
    """Dense regression to a mixture of Gaussians: several answers may fit a row.

    Returns:
        `(batch, features)` to `(batch, components * (1 + 2 * parameters))`: logits,
        then means and then log variances, component by component.

    Reference:
        Bishop 1994, "Mixture density networks", Aston University NCRG/94/004.

    Example:
        >>> mixture_head(8, 3, components=2).output_shape
        (None, 14)
    """
    width = raw_width("mixture", parameters, components)
    return _head(features, width, hidden, name="mixture_head", last="mixture")


def _head(features, width, hidden, *, name, last) -> keras.Model:
    inputs = keras.Input((features,), name="features")
    x = inputs
    for i, units in enumerate(hidden):
        x = layers.Dense(units, ACTIVATION, name=f"head_{i}")(x)
    return keras.Model(inputs, layers.Dense(width, name=last)(x), name=name)

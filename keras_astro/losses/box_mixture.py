"""Loss of a posterior within a box, two proper scores added, and its mean's error."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from keras_astro.layers.box_mixture import EDGE, box_mean, log_density, unpack
from keras_astro.registry import register


@register()
class BoxMixtureLoss(keras.losses.Loss):
    """Negative log density of the truth, and the squared error of the mean.

    Both are proper scores: only the true posterior is best in either, so that it is
    best in their sum. The first makes error bars honest, the second puts more weight
    on the mean, which a table reports. Densities are with respect to the box, in which
    the uniform density is 1; squared errors are over the variance of that density.

    Args:
        low: Lower limits, one a parameter, in their units.
        high: Upper limits.
        components: Number of Gaussians.
        square_weight: Weight of the squared errors.

    Reference:
        Gneiting and Raftery 2007, J. Am. Stat. Assoc. 102, 359.

    Example:
        >>> loss = BoxMixtureLoss([0.0], [1.0], components=1, square_weight=0.0)
        >>> flat = ops.zeros((1, 3))
        >>> round(float(loss(ops.full((1, 1), 0.3), flat)), 3)
        0.001
    """

    def __init__(self, low, high, components=3, square_weight=1.0, **kwargs):
        super().__init__(**({"name": "box_mixture"} | kwargs))
        self.low, self.high = [list(map(float, side)) for side in (low, high)]
        self.components = components
        self.square_weight = float(square_weight)

    def call(self, y_true, y_pred):
        width = ops.convert_to_tensor(np.subtract(self.high, self.low), y_pred.dtype)
        p = (ops.cast(y_true, y_pred.dtype) - ops.convert_to_tensor(self.low)) / width
        p = ops.clip(p, EDGE, 1.0 - EDGE)
        u = math.sqrt(2.0) * ops.erfinv(2.0 * p - 1.0)
        mixture = unpack(y_pred, len(self.low), self.components)
        # dp/du is the density of the unit Gaussian at u.
        prior = -0.5 * ops.sum(u**2 + math.log(2 * math.pi), axis=-1)
        score = prior - log_density(u, *mixture)
        if self.square_weight:
            square = ops.sum((box_mean(*mixture) - p) ** 2, axis=-1)
            # 1/12 is the variance of a uniform p.
            score = score + self.square_weight * 12.0 * square
        return score

    def get_config(self):
        return super().get_config() | {
            "low": self.low,
            "high": self.high,
            "components": self.components,
            "square_weight": self.square_weight,
        }


@register()
class BoxMeanError(keras.metrics.Metric):
    """Root mean square error of one parameter's posterior mean, in its unit.

    Args:
        index: Number of the parameter.
        low: Lower limits, one a parameter, in their units.
        high: Upper limits.
        components: Number of Gaussians.

    Example:
        >>> metric = BoxMeanError(0, [0.0], [2.0], components=1, name="rmse_size")
        >>> metric.update_state(ops.full((1, 1), 0.5), ops.zeros((1, 3)))
        >>> round(float(metric.result()), 3)
        0.5
    """

    def __init__(self, index, low, high, components=3, **kwargs):
        super().__init__(**kwargs)
        self.index = index
        self.low, self.high = [list(map(float, side)) for side in (low, high)]
        self.components = components
        self.total = self.add_weight(name="total", initializer="zeros")
        self.rows = self.add_weight(name="rows", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        low, high = self.low[self.index], self.high[self.index]
        found = box_mean(*unpack(y_pred, len(self.low), self.components))
        p = (ops.cast(y_true, y_pred.dtype)[:, self.index] - low) / (high - low)
        square = (found[:, self.index] - p) ** 2
        weight = ops.ones_like(square) if sample_weight is None else sample_weight
        self.total.assign_add(ops.sum(weight * square))
        self.rows.assign_add(ops.sum(weight))

    def result(self):
        width = self.high[self.index] - self.low[self.index]
        return width * ops.sqrt(self.total / ops.maximum(self.rows, 1.0))

    def get_config(self):
        return super().get_config() | {
            "index": self.index,
            "low": self.low,
            "high": self.high,
            "components": self.components,
        }

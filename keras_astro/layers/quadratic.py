"""Estimates without an error that is a smooth function of them."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_astro.registry import register


@register()
class QuadraticCorrection(keras.layers.Layer):
    """Subtracts a quadratic polynomial of all parameters from each.

    `y = m - q(x)`, `x = clip((m - center) / scale, low, high)`, where the polynomial is
    constant, linear and bilinear in x. Beyond the limits it goes on as it ended. As
    built it changes nothing.

    Args:
        parameters: Number of parameters.

    Input shape: `(batch, parameter)`.
    Output shape: the same.

    Example:
        >>> layer = QuadraticCorrection(1)
        >>> layer.build((None, 1))
        >>> layer.set_range([0.0], [1.0], low=[-1.0], high=[1.0])
        >>> layer.set_weights_of(np.array([[0.5], [0.0], [2.0]]))
        >>> [float(y) for y in layer(ops.convert_to_tensor([[0.5], [9.0]]))[:, 0]]
        [-0.5, 6.5]
    """

    def __init__(self, parameters: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.parameters = parameters

    def build(self, input_shape):
        n = self.parameters
        shapes = {
            "center": ((n,), "zeros"),
            "scale": ((n,), "ones"),
            "low": ((n,), "zeros"),
            "high": ((n,), "zeros"),
            "constant": ((n,), "zeros"),
            "linear": ((n, n), "zeros"),
            "bilinear": ((n * n, n), "zeros"),
        }
        for name, (shape, start) in shapes.items():
            weight = self.add_weight(
                shape=shape, initializer=start, trainable=False, name=name
            )
            setattr(self, name, weight)

    def set_range(self, center, scale, *, low, high) -> None:
        """Sets how parameters are standardised, and the limits then, `(parameter,)`."""
        self.center.assign(center)
        self.scale.assign(scale)
        self.low.assign(low)
        self.high.assign(high)

    def set_weights_of(self, weights: np.ndarray) -> None:
        """Sets the polynomial, `(term, parameter)`, its terms as of `quadratic`."""
        n = self.parameters
        self.constant.assign(weights[0])
        self.linear.assign(weights[1 : 1 + n])
        full = np.zeros((n, n, n))
        full[np.triu_indices(n)] = weights[1 + n :]
        self.bilinear.assign(full.reshape(n * n, n))

    def call(self, mean):
        n = self.parameters
        x = (mean - self.center) / self.scale
        x = ops.minimum(ops.maximum(x, self.low), self.high)
        pairs = ops.expand_dims(x, 2) * ops.expand_dims(x, 1)
        pairs = ops.reshape(pairs, (-1, n * n))
        shift = ops.matmul(x, self.linear) + ops.matmul(pairs, self.bilinear)
        return mean - shift - self.constant

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config() | {"parameters": self.parameters}
        config.pop("trainable", None)
        return config


def quadratic(x: np.ndarray) -> np.ndarray:
    """Terms of a quadratic polynomial: 1, all x, and all products of two.

    Args:
        x: `(row, parameter)`.

    Returns:
        `(row, term)`.

    Example:
        >>> quadratic(np.array([[2.0, 3.0]])).tolist()
        [[1.0, 2.0, 3.0, 4.0, 6.0, 9.0]]
    """
    first, second = np.triu_indices(x.shape[1])
    return np.concatenate([np.ones((len(x), 1)), x, x[:, first] * x[:, second]], axis=1)

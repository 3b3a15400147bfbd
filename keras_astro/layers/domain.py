"""How far a row is from the rows that a model was trained on."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_astro.registry import register


@register()
class ResidualLevel(keras.layers.Layer):
    """Root mean square residual of good pixels, kept within the range of training.

    What a linear basis cannot draw is noise, so this tells a regressor how noisy a
    spectrum is; beyond the trained range it would extrapolate.

    Input shape: spectrum, its projection and 1 for good pixels, each `(batch, pixel)`.
    Output shape: `(batch, 1)`.
    """

    def __init__(self, **kwargs):
        super().__init__(trainable=False, **kwargs)

    def build(self, input_shape):
        options = {"shape": (), "trainable": False}
        self.low = self.add_weight(initializer="zeros", name="low", **options)
        self.high = self.add_weight(
            initializer=keras.initializers.Constant(1e6), name="high", **options
        )

    def set_range(self, low: float, high: float) -> None:
        """Sets the smallest and the largest level of training rows."""
        self.low.assign(low)
        self.high.assign(high)

    def call(self, spectra):
        level = ops.sqrt(ops.expand_dims(good_mean_square(*spectra), 1))
        return ops.minimum(ops.maximum(level, self.low), self.high)

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], 1)

    def get_config(self):
        config = super().get_config()
        config.pop("trainable", None)
        return config


def good_mean_square(spectrum, model, good):
    """Mean squared difference over good pixels, `(batch,)`."""
    square = ((spectrum - model) ** 2) * good
    return ops.sum(square, axis=1) / ops.maximum(ops.sum(good, axis=1), 1.0)


@register()
class ReconstructionResidual(keras.layers.Layer):
    """Mean squared difference of a spectrum and its reconstruction over good pixels.

    Input shape: spectrum, reconstruction and 1 for good pixels, `(batch, pixel)`.
    Output shape: `(batch,)`.
    """

    def call(self, spectra):
        return good_mean_square(*spectra)

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0],)


@register()
class LatentDistance(keras.layers.Layer):
    """Squared Mahalanobis distance of a code from training codes, over its width.

    Args:
        latent_dim: Width of the code.

    Input shape: `(batch, latent)`.
    Output shape: `(batch,)`, 1 on average for training rows.
    """

    def __init__(self, latent_dim: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.latent_dim = latent_dim

    def build(self, input_shape):
        size = self.latent_dim
        self.mean = self.add_weight(
            shape=(size,), initializer="zeros", trainable=False, name="mean"
        )
        self.whiten = self.add_weight(
            shape=(size, size), initializer="identity", trainable=False, name="whiten"
        )

    def set_reference(self, codes: np.ndarray) -> None:
        """Measures mean and covariance of training codes, `(row, latent)`."""
        covariance = np.atleast_2d(np.cov(codes, rowvar=False))
        # Codes may lie in a plane; a thousandth of the mean variance rounds it.
        ridge = 1e-3 * np.trace(covariance) / len(covariance) + 1e-12
        covariance = covariance + ridge * np.eye(len(covariance))
        self.mean.assign(codes.mean(axis=0))
        self.whiten.assign(np.linalg.inv(np.linalg.cholesky(covariance)).T)

    def call(self, codes):
        return ops.mean(ops.matmul(codes - self.mean, self.whiten) ** 2, axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0],)

    def get_config(self):
        config = super().get_config() | {"latent_dim": self.latent_dim}
        config.pop("trainable", None)
        return config


@register()
class LabelExtent(keras.layers.Layer):
    """How near estimates are to the edge of the training labels: 1 is the edge.

    Args:
        parameters: Number of parameters.

    Input shape: `(batch, parameter)`.
    Output shape: `(batch,)`, the largest over parameters.
    """

    def __init__(self, parameters: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.parameters = parameters

    def build(self, input_shape):
        options = {"shape": (self.parameters,), "trainable": False}
        self.center = self.add_weight(initializer="zeros", name="center", **options)
        self.half = self.add_weight(initializer="ones", name="half", **options)

    def set_range(self, low, high) -> None:
        """Sets the smallest and largest training labels, each `(parameter,)`."""
        self.center.assign((np.asarray(low) + high) / 2)
        self.half.assign(np.maximum((np.asarray(high) - low) / 2, 1e-6))

    def call(self, estimates):
        return ops.max(ops.abs((estimates - self.center) / self.half), axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0],)

    def get_config(self):
        config = super().get_config() | {"parameters": self.parameters}
        config.pop("trainable", None)
        return config

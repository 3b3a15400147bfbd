"""How probable the data are under a reconstruction, as layers that add this loss."""

from __future__ import annotations

import abc

import keras
import numpy as np
from keras import ops

from keras_astro.errors import ConfigError
from keras_astro.losses.divergence import probability
from keras_astro.registry import register

# Smallest scale that is learned: a perfect reconstruction must not end in infinity.
LEAST_SCALE = 1e-3


class Likelihood(keras.layers.Layer, abc.ABC):
    """Adds the negative log-likelihood of data around a prediction as a loss.

    `loss += -mean_rows sum_features log p(x | x')`, in nats

    With `VariationalCode` at a `kl_weight` of 1, and no other loss, the total is the
    negative evidence lower bound. Logged as `reconstruction`; a learned scale, in its
    mean over features, also as `scale`.

    The deviations are `r = (x - x') sqrt(w) / scale` with the density of `r` of the
    class. A weight `w` is

    - an inverse variance: then `scale` is the factor by which quoted errors are too
      small, 1 where they are right;
    - or a mask of 0 and 1: then `scale` is the noise itself.

    A weight of 0 takes a feature out of the sum, whatever stands there, NaN included.

    Args:
        scale: See above, positive; the first value where it is learned.
        learned: Whether the scale is learned with the network.
        per_feature: Whether each feature has a scale of its own.

    Input shape: `[x, x']` or `[x, x', w]`, each `(batch, ...)`.
    Output shape: that of `x'`, which passes unchanged.

    Raises:
        ConfigError: If the scale is not above the smallest one that can be learned.
    """

    def __init__(
        self,
        scale: float = 1.0,
        learned: bool = False,
        per_feature: bool = False,
        dtype="float32",
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        if not scale > LEAST_SCALE:
            raise ConfigError(
                f"likelihood: expected a scale above {LEAST_SCALE}, received {scale}",
                hint="Give 1.0 where weights are inverse variances, else the noise of "
                "the data.",
            )
        self.scale = float(scale)
        self.learned = learned
        self.per_feature = per_feature
        self.loss_metric = keras.metrics.Mean(name="reconstruction")
        if learned:
            self.scale_metric = keras.metrics.Mean(name="scale")

    def build(self, input_shape):
        shape = tuple(input_shape[0][1:]) if self.per_feature else ()
        self.log_scale = self.add_weight(
            shape=shape,
            initializer=keras.initializers.Constant(np.log(self.scale - LEAST_SCALE)),
            trainable=self.learned,
            name="log_scale",
        )

    @abc.abstractmethod
    def standard(self):
        """Distribution of the deviation `r`."""

    def current_scale(self):
        """The scale with its present weights."""
        return LEAST_SCALE + ops.exp(self.log_scale)

    def log_prob(self, data, prediction, weight=None):
        """Log-likelihood of each row, `(batch,)`, in nats."""
        scale = self.current_scale()
        if weight is None:
            deviation = (data - prediction) / scale
            each = self.standard().log_prob(deviation) - ops.log(scale)
        else:
            # Both branches of a choice are differentiated: neither may hold a NaN.
            known = weight > 0
            weight = ops.where(known, weight, ops.ones_like(weight))
            difference = ops.where(known, data, ops.zeros_like(data)) - prediction
            deviation = difference * ops.sqrt(weight) / scale
            each = self.standard().log_prob(deviation) - ops.log(scale)
            each = each + 0.5 * ops.log(weight)
            each = ops.where(known, each, ops.zeros_like(each))
        return ops.sum(ops.reshape(each, (ops.shape(each)[0], -1)), axis=-1)

    def call(self, inputs):
        loss = -ops.mean(self.log_prob(*inputs))
        self.add_loss(loss)
        self.loss_metric.update_state(loss)
        if self.learned:
            self.scale_metric.update_state(ops.mean(self.current_scale()))
        return inputs[1]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[1].shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "scale": self.scale,
            "learned": self.learned,
            "per_feature": self.per_feature,
        }


@register()
class GaussianLikelihood(Likelihood):
    """Normal deviations; with `learned=True` the noise is learned (sigma-VAE).

    A learned scale makes the weight of the divergence a fact of the data instead of a
    choice: at its best value it is the root mean square of the deviations. Arguments
    and shapes are those of `Likelihood`:

    Args:
        scale: Standard deviation of `r`, positive.
        learned: Whether it is learned.
        per_feature: Whether each feature has its own.

    Reference:
        Rybkin, Daniilidis and Levine 2021, ICML, section 3.

    Example:
        >>> layer = GaussianLikelihood()
        >>> x = layer([ops.zeros((1, 2)), ops.zeros((1, 2))])
        >>> round(float(layer.losses[0]), 4)
        1.8379
    """

    def standard(self):
        return probability().distributions.Normal(0.0, 1.0)


@register()
class StudentTLikelihood(Likelihood):
    """Deviations with heavy tails: outliers pull a fit less, the farther they are.

    Arguments and shapes are those of `Likelihood`, and

    Args:
        degrees: Degrees of freedom, positive; large ones are nearly normal.
        scale: Width of the core.
        learned: Whether the scale is learned.
        per_feature: Whether each feature has its own.

    Raises:
        ConfigError: If the degrees of freedom are not positive.

    Reference:
        Lange, Little and Taylor 1989, JASA 84, 881.

    Example:
        >>> layer = StudentTLikelihood(1.0)
        >>> x = layer([ops.zeros((1, 1)), ops.zeros((1, 1))])
        >>> round(float(layer.losses[0]), 4)
        1.1447
    """

    def __init__(self, degrees: float = 4.0, scale: float = 1.0, **kwargs):
        super().__init__(scale, **kwargs)
        if not degrees > 0:
            raise ConfigError(
                f"likelihood: expected positive degrees of freedom, received {degrees}",
                hint="Give 4.0 for outliers, or take GaussianLikelihood.",
            )
        self.degrees = float(degrees)

    def standard(self):
        return probability().distributions.StudentT(self.degrees, 0.0, 1.0)

    def get_config(self):
        return super().get_config() | {"degrees": self.degrees}

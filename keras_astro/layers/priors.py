"""Priors of a latent code as layers: fixed, or learned with the network.

Each has `distribution()`, a TensorFlow Probability distribution over `(latent,)`; a
learned one reads weights that Keras tracks, so that they train and are saved. TFP's
own layers are not used: Keras 3 does not see their weights.
"""

from __future__ import annotations

import abc
import functools

import keras
from keras import ops

from keras_astro.errors import ConfigError
from keras_astro.losses.divergence import probability
from keras_astro.registry import register


class Prior(keras.layers.Layer, abc.ABC):
    """A distribution of codes, in single precision whatever the global policy is.

    Args:
        latent_dim: Width of the code.
    """

    def __init__(self, latent_dim: int, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.latent_dim = latent_dim

    @abc.abstractmethod
    def distribution(self):
        """The distribution with its present weights."""

    def call(self, inputs):
        return self.distribution().log_prob(inputs)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape[:-1], dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"latent_dim": self.latent_dim}


@register()
class StandardNormalPrior(Prior):
    """Independent standard normals; nothing to learn.

    Input shape: `(batch, latent)`.
    Output shape: `(batch,)`, log density.

    Example:
        >>> import keras
        >>> log_density = StandardNormalPrior(2)(keras.ops.zeros((1, 2)))
        >>> round(float(log_density[0]), 4)
        -1.8379
    """

    def distribution(self):
        tfd = probability().distributions
        return tfd.MultivariateNormalDiag(ops.zeros((self.latent_dim,)))


@register()
class MixturePrior(Prior):
    """Mixture of normals with diagonal covariance: means, scales and weights learned.

    Args:
        latent_dim: Width of the code.
        components: Number of normals.
        seed: Seed of the first means, which are drawn from the standard normal.

    Input shape: `(batch, latent)`.
    Output shape: `(batch,)`, log density.

    Reference:
        Dilokthanakul et al. 2016, arXiv:1611.02648.
    """

    def __init__(self, latent_dim: int, components: int = 8, seed=None, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.components = components
        self.seed = seed

    def build(self, input_shape=None):
        shape = (self.components, self.latent_dim)
        start = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
        self.means = self.add_weight(shape=shape, initializer=start, name="means")
        self.log_scales = self.add_weight(
            shape=shape, initializer="zeros", name="log_scales"
        )
        self.logits = self.add_weight(
            shape=(self.components,), initializer="zeros", name="logits"
        )

    def distribution(self):
        tfd = probability().distributions
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=ops.convert_to_tensor(self.logits)),
            tfd.MultivariateNormalDiag(
                ops.convert_to_tensor(self.means), ops.exp(self.log_scales)
            ),
        )

    def get_config(self):
        more = {"components": self.components, "seed": self.seed}
        return super().get_config() | more


@register()
class FlowPrior(Prior):
    """Standard normal carried through affine couplings (RealNVP).

    Each coupling leaves one part of the code as it is and shifts and scales the other
    by a network of the first; between couplings the order is reversed.

    Args:
        latent_dim: Width of the code, 2 or more.
        couplings: Number of couplings.
        hidden: Width of each network's hidden layer.
        seed: Seed of the networks.

    Input shape: `(batch, latent)`.
    Output shape: `(batch,)`, log density.

    Raises:
        ConfigError: If there are fewer than 2 latents.

    Reference:
        Dinh, Sohl-Dickstein and Bengio 2017, ICLR, equations 4, 5 and 6.
    """

    def __init__(
        self, latent_dim: int, couplings: int = 4, hidden: int = 64, seed=None, **kwargs
    ):
        super().__init__(latent_dim, **kwargs)
        if latent_dim < 2:
            raise ConfigError(
                f"flow prior: expected 2 latents or more, received {latent_dim}",
                hint="Use prior normal or mixture.",
            )
        self.couplings = couplings
        self.hidden = hidden
        self.seed = seed
        self.kept = latent_dim // 2
        self.networks = [self._network(i) for i in range(couplings)]

    def _network(self, index: int) -> keras.Model:
        seed = None if self.seed is None else self.seed + index
        moved = self.latent_dim - self.kept
        inputs = keras.Input((self.kept,), name="kept", dtype=self.compute_dtype)
        dense = functools.partial(keras.layers.Dense, dtype=self.dtype_policy)
        first = keras.initializers.GlorotUniform(seed=seed)
        # Near the identity; at zero itself no gradient would reach the first layer.
        last = keras.initializers.RandomNormal(stddev=0.01, seed=seed)
        x = dense(self.hidden, "tanh", kernel_initializer=first)(inputs)
        x = dense(2 * moved, kernel_initializer=last)(x)
        return keras.Model(inputs, x, name=f"coupling_{index}")

    def distribution(self):
        tfp = probability()
        reverse = list(reversed(range(self.latent_dim)))
        chain = []
        for network in self.networks:
            chain.append(tfp.bijectors.RealNVP(self.kept, None, _reader(network)))
            chain.append(tfp.bijectors.Permute(reverse))
        base = tfp.distributions.MultivariateNormalDiag(ops.zeros((self.latent_dim,)))
        return tfp.distributions.TransformedDistribution(
            base, tfp.bijectors.Chain(chain)
        )

    def get_config(self):
        more = {"couplings": self.couplings, "hidden": self.hidden, "seed": self.seed}
        return super().get_config() | more


def _reader(network: keras.Model):
    def shift_and_log_scale(kept, _, **__):
        shift, raw = ops.split(network(kept), 2, axis=-1)
        # A scale between 1/e and e: a chain of couplings cannot overflow.
        return shift, ops.tanh(raw)

    return shift_and_log_scale


def make_prior(name: str, latent_dim: int, *, seed: int | None = None) -> Prior:
    """A prior by its name: `normal`, `mixture` or `flow`.

    Raises:
        ConfigError: If there is no prior of this name.

    Example:
        >>> make_prior("mixture", 4).components
        8
    """
    if name == "normal":
        return StandardNormalPrior(latent_dim, name="prior")
    learned = {"mixture": MixturePrior, "flow": FlowPrior}
    if name not in learned:
        raise ConfigError(
            f"prior: expected normal, mixture or flow, received {name!r}",
            hint="Use normal, whose divergence is exact; the others are learned.",
        )
    return learned[name](latent_dim, seed=seed, name="prior")

"""The stochastic code of a variational autoencoder."""

from __future__ import annotations

import keras
from keras import ops

from keras_astro.errors import ConfigError
from keras_astro.layers.draws import DrawingLayer
from keras_astro.layers.priors import Prior, StandardNormalPrior, make_prior
from keras_astro.losses.divergence import sampled_kl, standard_kl
from keras_astro.registry import register


@register()
class VariationalCode(DrawingLayer):
    """Draws a code from its posterior and adds the divergence from the prior.

    `z = mu + sigma * eps` with `eps ~ N(0, I)` in training, and `z = mu` otherwise.

    With the loss `mse` the total is

    `mean_batch,features (x - x')^2 + kl_weight * mean_batch sum_latents KL`

    so that `kl_weight` multiplies a sum over latents beside a mean over features. With
    Gaussian noise of variance `s2` on each feature, this is the negative evidence lower
    bound (times a constant, plus one) where `kl_weight = 2 s2 / features`. The mean
    divergence, without weight, warm-up and floor, is logged as `kl`.

    - For the standard normal prior the divergence is analytic, one term a latent.
    - For the learned priors it is estimated from one draw of each row; outside
      training from the same draw at each call.
    - The weight grows in proportion to the training step until `warmup_steps`. The
      validation loss has the full weight at all times, so that epochs compare.
    - Below `free_bits` nats a latent, in the mean over the batch, the divergence is
      not pushed further down: `sum_j max(free_bits, mean_batch KL_j)`. A learned prior
      does not separate by latents; there the floor of the sum is
      `latent_dim * free_bits`.

    Args:
        latent_dim: Width of the code.
        prior: `normal`, `mixture`, `flow`, or a `Prior` with options of its own.
        kl_weight: Weight of the divergence in the loss.
        warmup_steps: Training steps until the weight is reached; 0 for none. The step
            is saved with the weights, so that a resumed run continues it.
        free_bits: Floor of the divergence, in nats a latent.
        seed: Seed of the draws and of the prior's first weights.

    Input shape: `[mean, log_variance]`, each `(batch, latent)`.
    Output shape: `(batch, latent)`.

    Raises:
        ConfigError: If the prior is unknown or of another width, or a number negative.

    Reference:
        Kingma and Welling 2014, ICLR, equation 10; warm-up: Sonderby et al. 2016,
        NeurIPS; floor: Kingma et al. 2016, NeurIPS, appendix C.8.

    Example:
        >>> import keras
        >>> zeros = keras.ops.zeros((4, 2))
        >>> code = VariationalCode(2, kl_weight=0.5)
        >>> z = code([zeros + 1.0, zeros])
        >>> float(z[0, 0]), [float(loss) for loss in code.losses]
        (1.0, [0.5])
    """

    def __init__(
        self,
        latent_dim: int,
        prior: str | Prior = "normal",
        kl_weight: float = 1.0,
        warmup_steps: int = 0,
        free_bits: float = 0.0,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed, **kwargs)
        if not min(kl_weight, warmup_steps, free_bits) >= 0:
            raise ConfigError(
                "variational code: expected kl_weight, warmup_steps and free_bits of 0 "
                f"or more, received {kl_weight}, {warmup_steps} and {free_bits}",
                hint="Set them to 0 to do without.",
            )
        if isinstance(prior, str):
            prior = make_prior(prior, latent_dim, seed=seed)
        if prior.latent_dim != latent_dim:
            raise ConfigError(
                f"variational code: expected a prior of {latent_dim} latents, "
                f"received one of {prior.latent_dim}",
                hint=f"Build the prior with latent_dim={latent_dim}, or give its name.",
            )
        self.latent_dim = latent_dim
        self.prior = prior
        self.kl_weight = float(kl_weight)
        self.warmup_steps = warmup_steps
        self.free_bits = float(free_bits)
        self.kl = keras.metrics.Mean(name="kl")

    def build(self, input_shape):
        if not self.prior.built:
            self.prior.build((None, self.latent_dim))
        self.step = self.add_weight(
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="step",
        )

    def call(self, inputs, training=None):
        # Divergences are small differences: single precision, whatever the policy.
        mean, log_variance = (ops.cast(x, "float32") for x in inputs)
        # An integer seed gives the same draw each time: validation must not scatter.
        noise = keras.random.normal(
            ops.shape(mean), dtype=mean.dtype, seed=self.draws if training else 0
        )
        sample = mean + ops.exp(log_variance / 2) * noise
        kl, floored = self._divergence(mean, log_variance, sample)
        self.kl.update_state(kl)
        weight = self._weight() if training else self.kl_weight
        self.add_loss(weight * floored)
        return ops.cast(sample if training else mean, self.compute_dtype)

    def _divergence(self, mean, log_variance, sample):
        """Mean divergence, and the same with its floor."""
        if isinstance(self.prior, StandardNormalPrior):
            each = ops.mean(standard_kl(mean, log_variance), axis=0)
            return ops.sum(each), ops.sum(ops.maximum(each, self.free_bits))
        kl = ops.mean(sampled_kl(mean, log_variance, sample, self.prior(sample)))
        if not self.free_bits:  # an estimate can be negative without being wrong
            return kl, kl
        return kl, ops.maximum(kl, self.latent_dim * self.free_bits)

    def _weight(self):
        """The weight at this training step; counts the step."""
        if not self.warmup_steps:
            return self.kl_weight
        done = ops.cast(self.step.value, "float32") / self.warmup_steps
        self.step.assign(ops.minimum(self.step + 1, self.warmup_steps))
        return self.kl_weight * ops.minimum(done, 1.0)

    def compute_output_spec(self, inputs, training=None):
        # Neither the draw nor the loss has a meaning for symbolic tensors.
        return keras.KerasTensor(inputs[0].shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "latent_dim": self.latent_dim,
            "prior": keras.saving.serialize_keras_object(self.prior),
            "kl_weight": self.kl_weight,
            "warmup_steps": self.warmup_steps,
            "free_bits": self.free_bits,
        }

    @classmethod
    def from_config(cls, config):
        prior = keras.saving.deserialize_keras_object(config["prior"])
        return cls(**(config | {"prior": prior}))

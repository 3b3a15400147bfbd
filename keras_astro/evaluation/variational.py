"""What a variational model is worth: bounds on the evidence, and collapsed latents."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_astro.evaluation.verdicts import Verdict
from keras_astro.layers.priors import Prior
from keras_astro.losses.divergence import probability
from keras_astro.metrics import active_units

LogLikelihood = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def importance_weighted_bound(
    x,
    *,
    posterior: keras.Model,
    decoder: keras.Model,
    prior: Prior,
    log_likelihood: LogLikelihood,
    samples: int = 100,
    seed: int = 0,
    batch_size: int = 256,
) -> np.ndarray:
    """Lower bound on the log evidence of each row, tighter with more samples.

    `L_K = E log (1/K) sum_k p(x | z_k) p(z_k) / q(z_k | x)`, `z_k ~ q(z | x)`

    With one sample it is the evidence lower bound; in the limit of many, `log p(x)`.

    Args:
        x: Rows that trained nothing, `(row, ...)`.
        posterior: `x` to `[mean, log_variance]`.
        decoder: `z` to the prediction of `x`.
        prior: Density of codes.
        log_likelihood: From `x` and its prediction to `(batch,)` in nats, such as
            the `log_prob` of a `Likelihood` layer.
        samples: `K`, 1 or more.
        seed: Seed of the draws.
        batch_size: Rows at a time; all samples of these are in memory at once.

    Returns:
        `(row,)`, in nats.

    Reference:
        Burda, Grosse and Salakhutdinov 2016, ICLR, equation 8.
    """
    draw = keras.random.SeedGenerator(seed)

    @tf.function(reduce_retracing=True)
    def bound(rows):
        mean, log_variance = posterior(rows, training=False)
        shape = (samples, *(tf.shape(mean)[i] for i in range(2)))
        noise = keras.random.normal(shape, seed=draw)
        z = tf.reshape(mean + tf.exp(log_variance / 2) * noise, (-1, mean.shape[1]))
        many = tf.repeat(rows[None], samples, axis=0)
        many = tf.reshape(many, tf.concat([[-1], tf.shape(rows)[1:]], 0))
        likelihood = log_likelihood(many, decoder(z, training=False))
        log_weight = tf.reshape(likelihood + prior(z), (samples, -1))
        normal = probability().distributions.Normal(0.0, 1.0)
        log_posterior = tf.reduce_sum(normal.log_prob(noise) - log_variance / 2, axis=2)
        total = tf.reduce_logsumexp(log_weight - log_posterior, axis=0)
        return total - tf.math.log(float(samples))

    x = np.asarray(x, "float32")
    starts = range(0, len(x), batch_size)
    return np.concatenate([bound(x[i : i + batch_size]).numpy() for i in starts])


def latent_use(latents) -> tuple[dict[str, float], Verdict]:
    """How many latents of a variational code say anything of the data.

    A divergence that weighs too much drives posteriors onto the prior: their means then
    hardly vary from row to row, and the decoder ignores them.

    Args:
        latents: Posterior means of held-out rows, `(row, latent)`.

    Returns:
        Metrics `active_units` and `latent_dim`; and what is to be said of them, a
        failure where no latent is active.

    Example:
        >>> latent_use(np.zeros((8, 3)))[1].kind
        'fail'
    """
    found, width = active_units(latents), np.shape(latents)[1]
    metrics = {"active_units": float(found), "latent_dim": float(width)}
    said = f"{found} of {width} latents vary with the data (variance above 0.01)"
    if found == width:
        return metrics, Verdict("pass", f"Posterior: {said}.")
    lost = "all of them have" if not found else "the others have"
    advice = (
        f"Posterior: {said}; {lost} collapsed onto the prior. A smaller objective.kl, "
        "objective.free_bits or objective.kl_warmup_steps keeps them in use"
    )
    return metrics, Verdict("note" if found else "fail", f"{advice}.")

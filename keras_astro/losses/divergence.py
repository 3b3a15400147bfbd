"""Kullback-Leibler divergence of a diagonal normal posterior from its prior."""

from __future__ import annotations

from keras import ops

from keras_astro.errors import missing_extra


def probability():
    """TensorFlow Probability, imported when first used: it takes seconds.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        import tensorflow_probability as tfp
    except ImportError as error:
        raise missing_extra(
            "tensorflow-probability", extra="train", purpose="a variational model"
        ) from error
    return tfp


def standard_kl(mean, log_variance):
    """Divergence from the standard normal, each latent on its own.

    `KL = (mu^2 + sigma^2 - log sigma^2 - 1) / 2`

    Args:
        mean: `(batch, latent)`.
        log_variance: `(batch, latent)`.

    Returns:
        `(batch, latent)`, in nats.

    Reference:
        Kingma and Welling 2014, ICLR, appendix B.

    Example:
        >>> import numpy as np
        >>> standard_kl(np.float32([[2.0]]), np.float32([[0.0]])).numpy()
        array([[2.]], dtype=float32)
    """
    tfd = probability().distributions
    mean = ops.convert_to_tensor(mean)
    return tfd.kl_divergence(
        tfd.Normal(mean, ops.exp(log_variance / 2)),
        tfd.Normal(ops.zeros_like(mean), ops.ones_like(mean)),
    )


def sampled_kl(mean, log_variance, sample, prior_log_prob):
    """One-sample estimate of a divergence that has no closed form, row by row.

    `KL ~ log q(z | x) - log p(z)`, with `z` drawn from `q(z | x)`

    Args:
        mean: `(batch, latent)`.
        log_variance: `(batch, latent)`.
        sample: One draw of each row, `(batch, latent)`.
        prior_log_prob: `log p` of the draws, `(batch,)`.

    Returns:
        `(batch,)`, in nats; single values can be negative.

    Example:
        >>> import numpy as np
        >>> zero = np.zeros((1, 1), "float32")
        >>> round(float(sampled_kl(zero, zero, zero, np.float32([-1.0]))[0]), 4)
        0.0811
    """
    tfd = probability().distributions
    posterior = tfd.MultivariateNormalDiag(mean, ops.exp(log_variance / 2))
    return posterior.log_prob(sample) - prior_log_prob

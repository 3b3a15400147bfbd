"""Variational autoencoders, built on the encoders and decoders that exist."""

from __future__ import annotations

import keras
from keras import layers

from keras_astro.errors import ConfigError
from keras_astro.layers.consistent import ConsistentEncoder
from keras_astro.layers.contractive import ContractiveEncoder
from keras_astro.layers.masked import FillMasked


def variational_encoder(encoder: keras.Model) -> keras.Model:
    """Adds a log-variance head beside the last layer of a plain encoder.

    The plain encoder becomes the posterior mean: both models share its weights.

    Args:
        encoder: `(batch, ...)` to `(batch, latent)`, ending with a `Dense` layer.

    Returns:
        Model `posterior`: the encoder's input to `[mean, log_variance]`, each
        `(batch, latent)`.

    Raises:
        ConfigError: If the encoder does not end with `Dense`.

    Example:
        >>> from keras_astro.models.autoencoder import dense_encoder
        >>> variational_encoder(dense_encoder(120, 8)).output_shape
        [(None, 8), (None, 8)]
    """
    last = encoder.layers[-1]
    if not isinstance(last, layers.Dense):
        raise ConfigError(
            f"{encoder.name}: expected an encoder that ends with Dense, found "
            f"{type(last).__name__}",
            hint="End the encoder with keras.layers.Dense(latent_dim).",
        )
    # Starts close to a standard deviation of 1 for every row, without being constant.
    log_variance = layers.Dense(
        last.units,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        name="log_variance",
    )(last.input)
    return keras.Model(encoder.input, [last.output, log_variance], name="posterior")


def variational_autoencoder(
    posterior: keras.layers.Layer, code: keras.layers.Layer, decoder: keras.Model
) -> keras.Model:
    """Posterior, code and decoder: `x` to its reconstruction.

    Args:
        posterior: `x` to `[mean, log_variance]`, or its `ContractiveEncoder`.
        code: `[mean, log_variance]` to `z`, such as `VariationalCode`.
        decoder: `z` to `x`.
    """
    inputs = keras.Input(posterior.input_shape[1:], name="inputs")
    outputs = decoder(code(posterior(inputs)))
    return keras.Model(inputs, outputs, name="autoencoder")


def likelihood_autoencoder(
    posterior: keras.layers.Layer,
    code: keras.layers.Layer,
    decoder: keras.Model,
    likelihood: keras.layers.Layer,
    *,
    weighted: bool = False,
) -> keras.Model:
    """A variational autoencoder whose reconstruction term is a likelihood.

    It has all its losses inside: compile it without one and fit it on `x` alone.

    Args:
        posterior: `x` to `[mean, log_variance]`, or what penalises it.
        code: `[mean, log_variance]` to `z`, such as `VariationalCode`.
        decoder: `z` to `x`.
        likelihood: `[x, prediction]`, and the weight if any, to the prediction, such
            as `GaussianLikelihood`.
        weighted: Whether there is a second input `weight`, an inverse variance or a
            mask. Where it is 0, posterior and likelihood see nothing of `x`.
    """
    shape = posterior.input_shape[1:]
    inputs = keras.Input(shape, name="inputs")
    if not weighted:
        outputs = likelihood([inputs, decoder(code(posterior(inputs)))])
        return keras.Model(inputs, outputs, name="autoencoder")
    weight = keras.Input(shape, name="weight")
    seen = FillMasked(name="fill_masked")([inputs, weight])
    outputs = likelihood([inputs, decoder(code(posterior(seen))), weight])
    return keras.Model(
        {"inputs": inputs, "weight": weight}, outputs, name="autoencoder"
    )


def posterior_mean_encoder(model: keras.Model) -> keras.Model:
    """The encoder of an autoencoder without what only training needs.

    Looks through penalties on the encoder and leaves out draws and log-variances, so
    that only the layers of the plain encoder remain.

    Args:
        model: Autoencoder whose first layer after the input is the encoder.

    Returns:
        Model `encoder`: `x` to `z`, the mean where the code is variational; it shares
        the weights of `model`.
    """
    passed = (layers.InputLayer, FillMasked)
    first = next(x for x in model.layers if not isinstance(x, passed))
    while isinstance(first, ContractiveEncoder | ConsistentEncoder):
        first = first.encoder
    if len(first.outputs) == 1:
        return first
    return keras.Model(first.input, first.outputs[0], name="encoder")

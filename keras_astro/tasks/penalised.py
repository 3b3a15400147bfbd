"""Encoder and decoder with the penalties that a case's settings ask for."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from keras_astro.config import RunConfig
from keras_astro.layers.consistent import ConsistentEncoder
from keras_astro.layers.contractive import ContractiveEncoder
from keras_astro.layers.nuisances import PixelNoise
from keras_astro.layers.sampling import VariationalCode
from keras_astro.models import autoencoder, variational


def penalised_autoencoder(
    config: RunConfig,
    encoder: keras.Model,
    decoder: keras.Model,
    *,
    nuisances: Sequence[keras.layers.Layer] = (),
) -> keras.Model:
    """The trainable autoencoder; contractive, consistent, variational as asked for.

    Args:
        config: Settings with `model.latent_dim`, `model.variational`, `model.prior` and
            an `objective` that is a `CodeObjective`.
        encoder: `x` to `z`, ending with `Dense`.
        decoder: `z` to `x`.
        nuisances: Changes of a row beside noise that must not move its code, where
            the objective asks for consistency.

    Returns:
        Model `autoencoder`; its `decoder` is found by name, its encoder by
        `posterior_mean_encoder`.
    """
    settings, objective = config.model, config.objective
    if settings.variational:
        encoder = variational.variational_encoder(encoder)
    if objective.contractive:
        encoder = ContractiveEncoder(
            encoder,
            objective.contractive,
            method=objective.contractive_method,
            seed=config.seed,
            name="contractive",
        )
    if objective.consistency:
        noise = PixelNoise(objective.consistency_noise, seed=config.seed)
        encoder = ConsistentEncoder(
            encoder, [*nuisances, noise], objective.consistency, name="consistent"
        )
    if not settings.variational:
        return autoencoder.chain(encoder, decoder)
    code = VariationalCode(
        settings.latent_dim,
        settings.prior,
        kl_weight=objective.kl,
        warmup_steps=objective.kl_warmup_steps,
        free_bits=objective.free_bits,
        seed=config.seed,
        name="code",
    )
    return variational.variational_autoencoder(encoder, code, decoder)

"""Models joined from parts that keep their names: chains, heads, noise."""

from __future__ import annotations

import keras
from keras import layers

from keras_astro.errors import ConfigError
from keras_astro.layers.noise import FeatureNoise


def chain(encoder: keras.Model, decoder: keras.Model) -> keras.Model:
    """Encoder then decoder: `x` to its reconstruction."""
    inputs = keras.Input(encoder.input_shape[1:], name="inputs")
    return keras.Model(inputs, decoder(encoder(inputs)), name="autoencoder")


def reconstruct(encoder, decoder, features, reflections=()):
    """Code and reconstruction of features; the latter averaged over mirror images.

    Each mirror image is reconstructed and reflected back, so that the mean has less of
    the fit's variance and mirror images have mirrored reconstructions.

    Args:
        encoder: Features to `z`.
        decoder: `z` to features.
        features: `(batch, ...)`.
        reflections: Layers from features to those of a mirror image; each is its own
            inverse.

    Returns:
        `z` of the features as they are, and their reconstruction.
    """
    z = encoder(features)
    views = [decoder(z)]
    for reflect in reflections:
        views.append(reflect(decoder(encoder(reflect(features)))))
    if len(views) == 1:
        return z, views[0]
    return z, layers.Average(name="mean_of_reflections")(views)


def with_head(
    encoder: keras.Model, head: keras.Model, *, name: str = "model"
) -> keras.Model:
    """Encoder then head; both stay models of their own inside and share weights.

    Args:
        encoder: Any inputs to a code `(batch, latent)`; named inputs stay named.
        head: `(batch, latent)` to its outputs.
        name: Name of the model.

    Raises:
        ConfigError: If the head expects another width.

    Example:
        >>> from keras_astro.models.dense import dense_encoder
        >>> from keras_astro.models.classifier import class_head
        >>> with_head(dense_encoder(120, 8), class_head(8, 5)).output_shape
        (None, 5)
    """
    if encoder.output_shape != head.input_shape:
        raise ConfigError(
            f"{head.name}: expected a code of shape {head.input_shape}, but "
            f"{encoder.name} gives {encoder.output_shape}",
            hint="Build encoder and head with the same latent_dim.",
        )
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(x.shape[1:], name=x.name, dtype=x.dtype), encoder.input
    )
    return keras.Model(inputs, head(encoder(inputs)), name=name)


def with_noise(model: keras.Model, sd: float, *, seed: int) -> keras.Model:
    """A model whose input is noisy in training; the model itself stays inside."""
    inputs = keras.Input(model.input_shape[1:], name="features")
    noisy = FeatureNoise(model.input_shape[-1], sd, seed, name="noise")(inputs)
    return keras.Model(inputs, model(noisy), name=f"noisy_{model.name}")

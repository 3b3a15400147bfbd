"""Functional autoencoders for features and for images."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_astro.layers.noise import FeatureNoise

ACTIVATION = "gelu"


def dense_encoder(
    features: int, latent_dim: int, *, hidden: Sequence[int] = (256, 128)
) -> keras.Model:
    """Dense encoder of a feature vector.

    Args:
        features: Width of the input.
        latent_dim: Width of the code `z`, linear.
        hidden: Widths of the hidden layers.

    Returns:
        `(batch, features)` to `(batch, latent_dim)`.

    Example:
        >>> dense_encoder(120, 8).output_shape
        (None, 8)
    """
    inputs = keras.Input((features,), name="features")
    x = inputs
    for i, width in enumerate(hidden):
        x = layers.Dense(width, ACTIVATION, name=f"encoder_{i}")(x)
    return keras.Model(inputs, layers.Dense(latent_dim, name="z")(x), name="encoder")


def dense_decoder(
    latent_dim: int, features: int, *, hidden: Sequence[int] = (256, 128)
) -> keras.Model:
    """Dense decoder: the encoder's mirror with one more layer of the widest size.

    Returns:
        `(batch, latent_dim)` to `(batch, features)`.
    """
    inputs = keras.Input((latent_dim,), name="z")
    x = inputs
    for i, width in enumerate([*reversed(hidden), hidden[0]]):
        x = layers.Dense(width, ACTIVATION, name=f"decoder_{i}")(x)
    outputs = layers.Dense(features, name="features")(x)
    return keras.Model(inputs, outputs, name="decoder")


def conv_encoder(
    frame_shape: Sequence[int], latent_dim: int, *, filters: Sequence[int] = (16, 32)
) -> keras.Model:
    """Strided convolutional encoder of an image.

    Args:
        frame_shape: `(y, x, band)`; sides divisible by `2 ** len(filters)`.
        latent_dim: Width of the code `z`, linear.
        filters: Filters of each halving.

    Returns:
        `(batch, y, x, band)` to `(batch, latent_dim)`.
    """
    inputs = keras.Input(tuple(frame_shape), name="frame")
    x = inputs
    for i, width in enumerate(filters):
        x = layers.Conv2D(
            width, 3, 2, padding="same", activation=ACTIVATION, name=f"encoder_{i}"
        )(x)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(inputs, layers.Dense(latent_dim, name="z")(x), name="encoder")


def conv_decoder(
    latent_dim: int, frame_shape: Sequence[int], *, filters: Sequence[int] = (16, 32)
) -> keras.Model:
    """Convolutional decoder by resizing and convolution.

    Transposed convolutions and nearest-neighbour upsampling layers are avoided: small
    runtimes run them slowly or not at all.

    Returns:
        `(batch, latent_dim)` to `(batch, y, x, band)`.
    """
    y, x_size, band = frame_shape
    steps = len(filters)
    small = (y // 2**steps, x_size // 2**steps)
    inputs = keras.Input((latent_dim,), name="z")
    x = layers.Dense(small[0] * small[1] * filters[-1], ACTIVATION, name="grow")(inputs)
    x = layers.Reshape((*small, filters[-1]), name="grid")(x)
    for i, width in enumerate(reversed(filters)):
        scale = 2 ** (i + 1)
        size = (small[0] * scale, small[1] * scale)
        x = layers.Resizing(*size, interpolation="bilinear", name=f"larger_{i}")(x)
        x = layers.Conv2D(
            width, 3, padding="same", activation=ACTIVATION, name=f"decoder_{i}"
        )(x)
    outputs = layers.Conv2D(band, 3, padding="same", name="frame")(x)
    return keras.Model(inputs, outputs, name="decoder")


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


def parameter_head(
    features: int, parameters: int, *, hidden: Sequence[int] = (512, 512, 256)
) -> keras.Model:
    """Dense regression of parameters with Gaussian errors.

    Returns:
        `(batch, features)` to `(batch, 2 * parameters)`: standardised means, then log
        variances.
    """
    inputs = keras.Input((features,), name="features")
    x = inputs
    for i, width in enumerate(hidden):
        x = layers.Dense(width, ACTIVATION, name=f"head_{i}")(x)
    outputs = layers.Dense(2 * parameters, name="mean_and_log_variance")(x)
    return keras.Model(inputs, outputs, name="parameter_head")


def with_noise(model: keras.Model, sd: float, *, seed: int) -> keras.Model:
    """A model whose input is noisy in training; the model itself stays inside."""
    inputs = keras.Input(model.input_shape[1:], name="features")
    noisy = FeatureNoise(model.input_shape[-1], sd, seed, name="noise")(inputs)
    return keras.Model(inputs, model(noisy), name=f"noisy_{model.name}")

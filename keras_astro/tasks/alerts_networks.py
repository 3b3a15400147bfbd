"""The networks of an alerts run: built from its settings, found in trained models."""

from __future__ import annotations

import keras
import numpy as np
from sklearn.decomposition import PCA

from keras_astro.data.alert_schema import CLASSES, FEATURES
from keras_astro.models import alert_networks
from keras_astro.models import variational as vae
from keras_astro.tasks.alerts_config import AlertsConfig
from keras_astro.tasks.alerts_rows import orient
from keras_astro.tasks.penalised import penalised_autoencoder


def build_autoencoder_parts(
    config: AlertsConfig, shape: tuple[int, ...]
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder of a configuration, on frames of `shape`.

    Those of the frozen mode have a linear path beside their convolutions, for
    `start_at_components`.
    """
    settings = config.model
    joint = settings.mode == "joint"
    options = {"filters": settings.filters, "linear": not joint}
    encoder = alert_networks.alert_encoder(
        shape, settings.latent_dim, bounded=joint, **options
    )
    decoder = alert_networks.alert_decoder(settings.latent_dim, shape, **options)
    return encoder, decoder


def build_autoencoder(config: AlertsConfig, frames: np.ndarray) -> keras.Model:
    """The trainable autoencoder of the frozen mode, at its start for `frames`."""
    encoder, decoder = build_autoencoder_parts(config, frames.shape[1:])
    start_at_components(encoder, decoder, frames, seed=config.seed)
    return penalised_autoencoder(config, encoder, decoder)


def start_at_components(
    encoder: keras.Model, decoder: keras.Model, frames: np.ndarray, *, seed: int
) -> None:
    """Sets an autoencoder with a linear path to principal components of frames.

    Eight epochs from random weights leave a convolutional autoencoder behind principal
    components, in error and in what a head can read from its codes. From here it only
    has to learn what they lack: its convolutions start without a say in codes and
    frames. Each frame counts in one of its eight orientations, all of which are met
    in training, and each coordinate has a standard deviation of 1.

    Args:
        encoder: Of `build_autoencoder_parts`, in the frozen mode.
        decoder: The same.
        frames: Of training rows, `(row, y, x, channel)`.
        seed: Of the randomised decomposition.
    """
    turned = np.concatenate([orient(frames[n::8], n) for n in range(8)])
    flat = turned.reshape(len(turned), -1)
    last, pixels = encoder.get_layer("z"), decoder.get_layer("pixels")
    # With fewer rows than coordinates the others keep their random start.
    count = min(last.units, len(flat) - 1)
    found = PCA(count, svd_solver="randomized", random_state=seed).fit(flat)
    sd = np.sqrt(np.maximum(found.explained_variance_, 1e-12))
    inwards = found.components_ / sd[:, None]
    kernel, bias = (np.array(weight) for weight in last.get_weights())
    kernel[:, :count] = 0.0
    kernel[-flat.shape[1] :, :count] = inwards.T
    bias[:count] = -inwards @ found.mean_
    last.set_weights([kernel, bias])
    kernel, _ = (np.array(weight) for weight in pixels.get_weights())
    kernel[:count] = found.components_ * sd[:, None]
    pixels.set_weights([kernel, found.mean_])
    convolved = decoder.get_layer("frame")
    convolved.set_weights([np.zeros_like(w) for w in convolved.get_weights()])


def build_head(config: AlertsConfig) -> keras.Model:
    """The class head of a configuration."""
    settings = config.model
    beside = 2 * len(FEATURES) if settings.metadata else 0
    return alert_networks.class_head(
        settings.latent_dim + beside,
        len(CLASSES),
        hidden=settings.hidden,
        dropout=settings.dropout,
        seed=config.seed,
    )


def trained_parts(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Plain encoder and decoder of a joint model, or of a turned autoencoder."""
    names = [layer.name for layer in model.layers]
    inner = model if "encoder" in names else model.get_layer("autoencoder")
    if inner is model:
        return model.get_layer("encoder"), model.get_layer("decoder")
    return vae.posterior_mean_encoder(inner), inner.get_layer("decoder")

"""The networks of an alerts run: built from its settings, found in trained models."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from sklearn.decomposition import PCA

from keras_astro.data.alert_schema import CLASSES, FEATURES
from keras_astro.models import alert_networks
from keras_astro.models import variational as vae
from keras_astro.preprocessing.stamp_measures import MEASURES
from keras_astro.tasks.alerts_config import AlertsConfig
from keras_astro.tasks.alerts_rows import orient
from keras_astro.tasks.penalised import penalised_autoencoder


def code_width(config: AlertsConfig) -> int:
    """Width of `z`: the convolutions' coordinates, and any components behind them."""
    settings = config.model
    return settings.latent_dim + (
        settings.components if settings.mode == "joint" else 0
    )


def unread_columns(config: AlertsConfig) -> tuple[int, int]:
    """First column of a code that no head reads, and the first one after these.

    They are the components: what reading them added on simulated alerts did not hold
    on real ones.
    """
    return config.model.latent_dim, code_width(config)


def build_autoencoder_parts(
    config: AlertsConfig, shape: tuple[int, ...]
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder of a configuration, on frames of `shape`.

    Those of the frozen mode have a linear path beside their convolutions, for
    `start_at_components`; those of the joint mode have components, for
    `set_components`.
    """
    settings = config.model
    joint = settings.mode == "joint"
    components = settings.components if joint else 0
    encoder = alert_networks.alert_encoder(
        shape,
        settings.latent_dim,
        filters=settings.filters,
        bounded=joint,
        linear=not joint,
        components=components,
    )
    decoder = alert_networks.alert_decoder(
        code_width(config),
        shape,
        filters=settings.decoder_filters if joint else settings.filters,
        linear=components > 0 or not joint,
    )
    return encoder, decoder


def build_autoencoder(config: AlertsConfig, frames: np.ndarray) -> keras.Model:
    """The trainable autoencoder of the frozen mode, at its start for `frames`."""
    encoder, decoder = build_autoencoder_parts(config, frames.shape[1:])
    start_at_components(encoder, decoder, frames, seed=config.seed)
    return penalised_autoencoder(config, encoder, decoder)


@dataclass
class Components:
    """Principal components of frames, each scaled to a standard deviation of 1.

    Args:
        mean: Of the frames, `(pixel,)`.
        inwards: What gives a coordinate, `(component, pixel)`.
        outwards: What a coordinate of 1 adds to the mean, `(component, pixel)`.
    """

    mean: np.ndarray
    inwards: np.ndarray
    outwards: np.ndarray


def principal_components(frames: np.ndarray, count: int, *, seed: int) -> Components:
    """Components of frames, each of which counts in one of its eight orientations.

    All orientations are met in training. Of few frames there are fewer components.

    Args:
        frames: Of training rows, `(row, y, x, channel)`.
        count: How many, at most.
        seed: Of the randomised decomposition.
    """
    turned = np.concatenate([orient(frames[n::8], n) for n in range(8)])
    flat = turned.reshape(len(turned), -1)
    count = min(count, len(flat) - 1, flat.shape[1])
    found = PCA(count, svd_solver="randomized", random_state=seed).fit(flat)
    sd = np.sqrt(np.maximum(found.explained_variance_, 1e-12))[:, None]
    return Components(found.mean_, found.components_ / sd, found.components_ * sd)


def start_at_components(
    encoder: keras.Model, decoder: keras.Model, frames: np.ndarray, *, seed: int
) -> None:
    """Sets an autoencoder with a linear path to principal components of frames.

    Eight epochs from random weights leave a convolutional autoencoder behind principal
    components, in error and in what a head can read from its codes. From here it only
    has to learn what they lack: its convolutions start without a say in codes and
    frames.

    Args:
        encoder: Of `build_autoencoder_parts`, in the frozen mode.
        decoder: The same.
        frames: Of training rows, `(row, y, x, channel)`.
        seed: Of the randomised decomposition.
    """
    last = encoder.get_layer("z")
    found = principal_components(frames, last.units, seed=seed)
    # With fewer rows than coordinates the others keep their random start.
    count = len(found.inwards)
    kernel, bias = (np.array(weight) for weight in last.get_weights())
    _project(last, found, kernel, bias)
    kernel = np.array(decoder.get_layer("pixels").get_weights()[0])
    kernel[:count] = found.outwards
    _start_linear(decoder, kernel, found.mean)


def set_components(
    encoder: keras.Model, decoder: keras.Model, frames: np.ndarray, *, seed: int
) -> None:
    """Gives a joint model's encoder its components, and its decoder what they mean.

    The reconstruction starts at theirs. What classes make of the frame is left to the
    convolutions, whose coordinates start without a say in it.

    Args:
        encoder: Of `build_autoencoder_parts`, in the joint mode, with components.
        decoder: The same.
        frames: Of training rows, `(row, y, x, channel)`.
        seed: Of the randomised decomposition.
    """
    fixed = encoder.get_layer("components")
    found = principal_components(frames, fixed.units, seed=seed)
    count, pixels = found.inwards.shape
    kernel, bias = np.zeros((pixels, fixed.units)), np.zeros(fixed.units)
    _project(fixed, found, kernel, bias)
    first = decoder.input_shape[1] - fixed.units
    kernel = np.zeros((decoder.input_shape[1], pixels))
    kernel[first : first + count] = found.outwards
    _start_linear(decoder, kernel, found.mean)


def _project(layer, found, kernel: np.ndarray, bias: np.ndarray) -> None:
    """Makes a layer's first units components; its last inputs are the pixels."""
    count, pixels = found.inwards.shape
    kernel[:, :count] = 0.0
    kernel[-pixels:, :count] = found.inwards.T
    bias[:count] = -found.inwards @ found.mean
    layer.set_weights([kernel, bias])


def _start_linear(decoder: keras.Model, kernel: np.ndarray, mean: np.ndarray) -> None:
    """A decoder whose linear path is given and whose convolutions add nothing yet."""
    decoder.get_layer("pixels").set_weights([kernel, mean])
    convolved = decoder.get_layer("frame")
    convolved.set_weights([np.zeros_like(w) for w in convolved.get_weights()])


def reads_measures(config: AlertsConfig) -> bool:
    """Whether measures stand beside the code: never in the frozen mode."""
    return config.model.measures and config.model.mode == "joint"


def beside_width(config: AlertsConfig) -> int:
    """Width of what stands beside a code; see `alerts_rows.Beside`."""
    metadata = 2 * len(FEATURES) if config.model.metadata else 0
    return metadata + (MEASURES if reads_measures(config) else 0)


def build_head(config: AlertsConfig) -> keras.Model:
    """The class head of a configuration; it reads no components."""
    settings = config.model
    return alert_networks.class_head(
        code_width(config) + beside_width(config),
        len(CLASSES),
        hidden=settings.hidden,
        dropout=settings.dropout,
        seed=config.seed,
        unread=unread_columns(config),
    )


def trained_parts(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Plain encoder and decoder of a joint model, or of a turned autoencoder."""
    names = [layer.name for layer in model.layers]
    inner = model if "encoder" in names else model.get_layer("autoencoder")
    if inner is model:
        return model.get_layer("encoder"), model.get_layer("decoder")
    return vae.posterior_mean_encoder(inner), inner.get_layer("decoder")

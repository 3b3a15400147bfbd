"""Encoders and decoders of absorption on the pixels of spectra that vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from keras_astro.layers.shift import RestSample, SplineShift, spline_nodes
from keras_astro.models.autoencoder import ACTIVATION

# With this bias a decoder starts at 0.25 % absorption: at the continuum, nearly.
CONTINUUM_BIAS = -6.0


@dataclass(frozen=True)
class SpectrumGrid:
    """Where the modelled pixels lie.

    Args:
        wavelength: `(pixel,)` in angstrom as observed, increasing.
        runs: `(pixel,)`, the number of the run of adjacent pixels.
    """

    wavelength: np.ndarray
    runs: np.ndarray

    @classmethod
    def of(cls, wavelength: np.ndarray, chosen: np.ndarray) -> SpectrumGrid:
        """The grid of the chosen pixels of a spectrum.

        Example:
            >>> SpectrumGrid.of(np.arange(9.0), np.array([1, 2, 5, 6])).runs.tolist()
            [0, 0, 1, 1]
        """
        runs = np.concatenate([[0], np.cumsum(np.diff(chosen) > 1)])
        return cls(np.asarray(wavelength, float)[chosen], runs)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return len(self.wavelength)


def shift_encoder(
    grid: SpectrumGrid, latent_dim: int, *, hidden: Sequence[int] = (512, 256)
) -> keras.Model:
    """Dense encoder that measures a velocity first and looks again at rest.

    The first latent starts as that velocity, in units of 100 km/s; what the spectrum
    at rest says may correct it.

    Args:
        grid: The pixels.
        latent_dim: Width of the code `z`, linear; at least 1.
        hidden: Widths of the hidden layers.

    Returns:
        Absorption `(batch, pixel)` to `(batch, latent_dim)`.
    """
    inputs = keras.Input((grid.pixels,), name="absorption")
    velocity = layers.Dense(1, name="velocity")(dense(inputs, hidden, "motion"))
    sample = RestSample(grid.pixels, name="rest_sample")
    sample.set_grid(grid.wavelength, grid.runs)
    x = dense(sample([inputs, velocity]), hidden, "encoder")
    x = layers.Concatenate(name="with_velocity")([x, velocity])
    last = layers.Dense(latent_dim, name="z")
    model = keras.Model(inputs, last(x), name="encoder")
    kernel, bias = last.get_weights()
    kernel[-1] = np.eye(1, latent_dim)[0]
    kernel[:-1, 0] *= 0.1
    last.set_weights([kernel, bias])
    return model


def absorption_decoder(
    latent_dim: int, pixels: int, *, hidden: Sequence[int] = (256, 512)
) -> keras.Model:
    """Dense decoder of absorption.

    The flux is `exp(-softplus(t))`, so the absorption is `sigmoid(t)`: never outside of
    0 to 1, and never stuck there, unlike after a rectifier.

    Returns:
        `(batch, latent_dim)` to `(batch, pixel)`.

    Example:
        >>> absorption_decoder(6, 700).output_shape
        (None, 700)
    """
    inputs = keras.Input((latent_dim,), name="z")
    t = _depths(dense(inputs, hidden, "decoder"), pixels)
    outputs = layers.Activation("sigmoid", name="absorption")(t)
    return keras.Model(inputs, outputs, name="decoder")


def shift_decoder(
    grid: SpectrumGrid,
    latent_dim: int,
    *,
    hidden: Sequence[int] = (256, 512),
    step_kms: float = 8.0,
    reach_kms: float = 350.0,
) -> keras.Model:
    """Dense decoder of a spectrum at rest, moved by the first latent as a velocity.

    Args:
        grid: The pixels.
        latent_dim: Width of the code; all but the first shape the spectrum at rest.
        hidden: Widths of the hidden layers.
        step_kms: Distance of the splines' nodes.
        reach_kms: Largest velocity.

    Returns:
        `(batch, latent_dim)` to absorption `(batch, pixel)`.
    """
    places, nodes = spline_nodes(
        grid.wavelength, step_kms=step_kms, reach_kms=reach_kms
    )
    inputs = keras.Input((latent_dim,), name="z")
    velocity, shape = _parted(inputs)
    coefficients = _depths(dense(shape, hidden, "decoder"), nodes)
    move = SplineShift(grid.pixels, nodes, step_kms, name="spline_shift")
    move.set_places(places)
    t = move([coefficients, velocity])
    outputs = layers.Activation("sigmoid", name="absorption")(t)
    return keras.Model(inputs, outputs, name="decoder")


def dense(x, hidden: Sequence[int], name: str):
    """Hidden layers on a tensor."""
    for i, width in enumerate(hidden):
        x = layers.Dense(width, ACTIVATION, name=f"{name}_{i}")(x)
    return x


def _parted(z):
    """The first latent, and all latents but the first (all, where there is but one)."""
    velocity = z[:, :1]
    return velocity, z[:, 1:] if z.shape[1] > 1 else z


def _depths(x, width: int):
    start = keras.initializers.Constant(CONTINUUM_BIAS)
    return layers.Dense(width, bias_initializer=start, name="depths")(x)

"""Encoders and decoders of absorption on the pixels of spectra that vary."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from keras_astro.layers.active import ActivePixels
from keras_astro.layers.blocks import BlockMean
from keras_astro.layers.shift import RestSample, SplineShift, spline_nodes
from keras_astro.models.autoencoder import ACTIVATION
from keras_astro.models.spectrum_grid import SpectrumGrid

# With this bias a decoder starts at 0.25 % absorption: at the continuum, nearly.
CONTINUUM_BIAS = -6.0
# Of nodes and means where a spectrum is smooth, and of the blocks of pixels that are
# drawn as one there: a continuum that falls as the cube of the wavelength changes by a
# thousandth of its depth in such a block.
SMOOTH_KMS, BLOCK_KMS = 500.0, 100.0


def shift_encoder(
    grid: SpectrumGrid,
    latent_dim: int,
    *,
    hidden: Sequence[int] = (512, 256),
    step_kms: float = 8.0,
) -> keras.Model:
    """Dense encoder that measures a velocity first and looks again at rest.

    The first latent starts as that velocity, in units of 100 km/s; what the spectrum
    at rest says may correct it. It looks at means of pixels where they are finer than
    it needs.

    Args:
        grid: The pixels.
        latent_dim: Width of the code `z`, linear; at least 1.
        hidden: Widths of the hidden layers.
        step_kms: Width of the means, from twice a pixel's width on.

    Returns:
        Absorption `(batch, pixel)` to `(batch, latent_dim)`.
    """
    inputs = keras.Input((grid.pixels,), name="absorption")
    seen, coarse = _coarse(inputs, grid, step_kms)
    velocity = layers.Dense(1, name="velocity")(dense(seen, hidden, "motion"))
    sample = RestSample(coarse.pixels, name="rest_sample")
    sample.set_grid(coarse.wavelength, coarse.runs)
    x = dense(sample([seen, velocity]), hidden, "encoder")
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

    Where the grid is smooth, splines with nodes 500 km/s apart take a tenth of the
    weights, and blocks of pixels 100 km/s wide are drawn as one.

    Args:
        grid: The pixels.
        latent_dim: Width of the code; all but the first shape the spectrum at rest.
        hidden: Widths of the hidden layers.
        step_kms: Distance of the splines' nodes.
        reach_kms: Largest velocity.

    Returns:
        `(batch, latent_dim)` to absorption `(batch, pixel)`.
    """
    inputs = keras.Input((latent_dim,), name="z")
    velocity, shape = _parted(inputs)
    x = dense(shape, hidden, "decoder")
    coarse, place = _drawn(grid)
    smooth = coarse.smooth
    parts = [
        _moved(x, velocity, coarse.wavelength[~smooth], step_kms, reach_kms, ""),
        _moved(
            x, velocity, coarse.wavelength[smooth], SMOOTH_KMS, reach_kms, "_smooth"
        ),
    ]
    parts = [part for part in parts if part is not None]
    t = parts[0] if len(parts) == 1 else layers.Concatenate(name="both")(parts)
    outputs = layers.Activation("sigmoid", name="absorption")(t)
    if smooth.any():
        spread = ActivePixels(coarse.pixels, grid.pixels, name="in_order")
        spread.set_pixels(place, rest=np.zeros(coarse.pixels))
        outputs = spread(outputs)
    return keras.Model(inputs, outputs, name="decoder")


def dense(x, hidden: Sequence[int], name: str):
    """Hidden layers on a tensor."""
    for i, width in enumerate(hidden):
        x = layers.Dense(width, ACTIVATION, name=f"{name}_{i}")(x)
    return x


def _coarse(spectrum, grid: SpectrumGrid, step_kms: float):
    """Means of a spectrum's pixels, and the grid that they lie on."""
    means, grids = [], []
    for kind, wanted, name in (
        (~grid.smooth, step_kms, "fine_means"),
        (grid.smooth, SMOOTH_KMS, "smooth_means"),
    ):
        if kind.any():
            first, count = grid.blocks(kind, wanted)
            means.append((first, count, name))
            grids.append(grid.means(first, count))
    coarse = SpectrumGrid.joined(grids)
    if coarse.pixels == grid.pixels:
        return spectrum, grid
    seen = []
    for first, count, name in means:
        layer = BlockMean(grid.pixels, len(first), int(count.max()), name=name)
        layer.set_blocks(first, count)
        seen.append(layer(spectrum))
    joined = seen[0] if len(seen) == 1 else layers.Concatenate(name="means")(seen)
    return joined, coarse


def _moved(x, velocity, wavelength, step_kms: float, reach_kms: float, name: str):
    """Splines on some pixels, moved; None where there are none."""
    if not len(wavelength):
        return None
    places, nodes = spline_nodes(wavelength, step_kms=step_kms, reach_kms=reach_kms)
    move = SplineShift(len(wavelength), nodes, step_kms, name=f"spline_shift{name}")
    move.set_places(places)
    return move([_depths(x, nodes, f"depths{name}"), velocity])


def _drawn(grid: SpectrumGrid) -> tuple[SpectrumGrid, np.ndarray]:
    """What a decoder draws, and which of it each pixel of the grid shows.

    Pixels that are not smooth come first, then the blocks of those that are.
    """
    fine = np.flatnonzero(~grid.smooth)
    if len(fine) == grid.pixels:
        return grid, fine
    first, count = grid.blocks(grid.smooth, BLOCK_KMS)
    place = np.empty(grid.pixels, int)
    place[fine] = np.arange(len(fine))
    place[grid.smooth] = len(fine) + np.repeat(np.arange(len(first)), count)
    alone = grid.means(fine, np.ones(len(fine), int))
    parts = (
        [alone, grid.means(first, count)] if len(fine) else [grid.means(first, count)]
    )
    return SpectrumGrid.joined(parts), place


def _parted(z):
    """The first latent, and all latents but the first (all, where there is but one)."""
    velocity = z[:, :1]
    return velocity, z[:, 1:] if z.shape[1] > 1 else z


def _depths(x, width: int, name: str = "depths"):
    start = keras.initializers.Constant(CONTINUUM_BIAS)
    return layers.Dense(width, bias_initializer=start, name=name)(x)

"""Normalising spectra inside the exported graph: bad pixels and pseudo-continuum."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_astro.errors import ConfigError
from keras_astro.registry import register


def running_mean(table, pixels: int):
    """Mean of the pixels of a window about each, of fewer at the ends.

    Sums of 1, 2, 4, ... pixels are made of one another, and the window of those whose
    widths add up to it. Pooling does the same, but on a single channel it took two
    thirds of the time of a whole stellar model in small runtimes.

    Args:
        table: `(batch, pixel)`.
        pixels: Width of the window.

    Returns:
        Of the same shape.

    Example:
        >>> means = running_mean(ops.convert_to_tensor([[1.0, 2.0, 6.0]]), 3)
        >>> [float(mean) for mean in means[0]]
        [1.5, 3.0, 4.0]
    """
    length, before = table.shape[-1], (pixels - 1) // 2
    sums = ops.pad(table, [[0, 0], [before, pixels - 1 - before]])
    total, done = 0.0, 0
    for width in (2**k for k in range(pixels.bit_length())):
        if width > 1:
            sums = sums[:, : -width // 2] + sums[:, width // 2 :]
        if pixels & width:
            total = total + sums[:, done : done + length]
            done += width
    place = np.arange(length)
    first = np.maximum(place - before, 0)
    last = np.minimum(place + pixels - 1 - before, length - 1)
    return total / (last - first + 1.0).astype("float32")


@register()
class FillBadPixels(keras.layers.Layer):
    """Puts the mean of good neighbours in place of bad pixels.

    A pixel is bad where the mask is set, the inverse variance is 0, or the flux is no
    number. Where all neighbours are bad, the mean of the spectrum is put.

    Args:
        pixels: Width of the neighbourhood.

    Input shape: flux, inverse variance and mask, each `(batch, pixel)`.
    Output shape: flux `(batch, pixel)` and 1 for good pixels, else 0, of that shape.

    Example:
        >>> flux = ops.convert_to_tensor([[1.0, 9.0, 3.0, 4.0]])
        >>> mask = ops.convert_to_tensor([[0.0, 1.0, 0.0, 0.0]])
        >>> filled, good = FillBadPixels(3)([flux, ops.ones((1, 4)), mask])
        >>> [float(value) for value in filled[0]]
        [1.0, 2.0, 3.0, 4.0]
    """

    def __init__(self, pixels: int = 41, **kwargs):
        super().__init__(**kwargs)
        self.pixels = pixels

    def call(self, spectrum):
        flux, ivar, mask = spectrum
        # What is no number differs from itself.
        # All other comparisons are with 0, the one constant that integers keep.
        is_good = ops.logical_and(ivar > 0, 0.5 - mask > 0)
        is_good = ops.logical_and(is_good, flux == flux)
        good = ops.cast(is_good, flux.dtype)
        flux = ops.where(is_good, flux, ops.zeros_like(flux))
        share = running_mean(good, self.pixels)
        # Less than one good pixel in the neighbourhood is none, up to rounding.
        some = share - 0.5 / self.pixels > 0
        near = running_mean(flux, self.pixels)
        near = near / ops.where(some, share, ops.ones_like(share))
        count = ops.maximum(ops.sum(good, axis=1, keepdims=True), 1.0)
        near = ops.where(some, near, ops.sum(flux, axis=1, keepdims=True) / count)
        return flux + (1.0 - good) * near, good

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0]), tuple(input_shape[0])

    def get_config(self):
        return super().get_config() | {"pixels": self.pixels}


@register()
class PseudoContinuum(keras.layers.Layer):
    """Divides a spectrum by a polynomial through its upper envelope.

    The spectrum is smoothed, its maximum taken in equal bins, and a polynomial of least
    squares drawn through the maxima. Any linear unit and any tilt of the continuum
    drops out. Crowded spectra have no continuum: this is a convention that both
    synthetic and observed spectra share.

    Args:
        bins: Number of bins.
        smooth_pixels: Width of the running mean before maxima are taken.
        degree: Degree of the polynomial.

    Input shape: `(batch, pixel)`, any linear unit.
    Output shape: the same, about 1 between lines.

    Raises:
        ConfigError: If there are more bins than pixels, or too few for the polynomial.
    """

    def __init__(
        self, bins: int = 35, smooth_pixels: int = 15, degree: int = 1, **kwargs
    ):
        super().__init__(trainable=False, **kwargs)
        if not bins > degree >= 0:
            raise ConfigError(
                f"continuum: a polynomial of degree {degree} needs more than "
                f"{degree} bins, received {bins}",
                hint="Raise preprocessing.continuum_bins, or lower continuum_degree.",
            )
        self.bins = bins
        self.smooth_pixels = smooth_pixels
        self.degree = degree

    def build(self, input_shape):
        pixels = input_shape[-1]
        self.width = pixels // self.bins
        if not self.width:
            raise ConfigError(
                f"preprocessing.continuum_bins = {self.bins}: spectra have only "
                f"{pixels} pixels",
                hint="Lower preprocessing.continuum_bins.",
            )
        place = np.linspace(-1, 1, pixels)
        center = place[: self.width * self.bins].reshape(self.bins, -1).mean(axis=1)
        basis = np.vander(center, self.degree + 1)
        self.solve = self._constant("solve", np.linalg.pinv(basis).T)
        self.draw = self._constant("draw", np.vander(place, self.degree + 1).T)

    def _constant(self, name: str, values: np.ndarray):
        weight = self.add_weight(shape=values.shape, trainable=False, name=name)
        weight.assign(values)
        return weight

    def call(self, flux):
        # In a tilted bin the maximum stands off the centre: the second pass sees
        # hardly any tilt. It fits what differs from 1, which is little: a rounded
        # continuum scales all pixels alike, and that never averages out.
        return self._divide(self._divide(flux, 0.0), 1.0)

    def _divide(self, flux, level: float):
        smooth = running_mean(flux - level, self.smooth_pixels)
        cut = smooth[:, : self.bins * self.width]
        peaks = ops.max(ops.reshape(cut, (-1, self.bins, self.width)), axis=2)
        continuum = ops.matmul(ops.matmul(peaks, self.solve), self.draw) + level
        # An empty spectrum has no continuum and passes as it is.
        return flux / ops.where(continuum > 0, continuum, ops.ones_like(continuum))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config() | {
            "bins": self.bins,
            "smooth_pixels": self.smooth_pixels,
            "degree": self.degree,
        }
        config.pop("trainable", None)
        return config

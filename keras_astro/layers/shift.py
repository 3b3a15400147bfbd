"""Spectra moved in velocity: an absorber's motion is a shift in log wavelength."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_astro.registry import register

C_KMS = 299792.458
# Places on a grid need more digits than half precision has.
EXACT = {"dtype": "float32"}
# One unit of the first latent, so that it is of order 1.
UNIT_KMS = 100.0


@register()
class RestSample(keras.layers.Layer):
    """Reads spectra where they would be if they moved with a given velocity.

    Linear interpolation between neighbouring pixels, within runs of adjacent pixels.
    It feeds an encoder, which need not be exact; decoders use `SplineShift`.

    Args:
        pixels: Number of pixels.

    Input shape: `[spectrum (batch, pixel), velocity (batch, 1)]`, velocity in units of
        100 km/s.
    Output shape: `(batch, pixel)`.

    Example:
        >>> layer = RestSample(4)
        >>> layer.set_grid(1000.0 * np.exp(np.arange(4) * 100.0 / C_KMS))
        >>> x = ops.convert_to_tensor([[0.0, 1.0, 0.0, 0.0]])
        >>> ops.convert_to_numpy(layer([x, ops.ones((1, 1))])).round(3).tolist()
        [[1.0, 0.0, 0.0, 0.0]]
    """

    def __init__(self, pixels: int, **kwargs):
        super().__init__(trainable=False, **EXACT | kwargs)
        self.pixels = pixels

    def build(self, input_shape):
        self.per_unit = _fixed(self, "per_unit", self.pixels, "float32")
        self.first = _fixed(self, "first", self.pixels, "int32")
        self.last = _fixed(self, "last", self.pixels, "int32")

    def set_grid(self, wavelength, runs=None) -> None:
        """Sets the pixels' wavelengths.

        Args:
            wavelength: `(pixel,)`, increasing.
            runs: `(pixel,)`, the number of the run that each pixel is in; None: one.
        """
        _build(self)
        wavelength = np.asarray(wavelength, float)
        runs = np.zeros(self.pixels, int) if runs is None else np.asarray(runs)
        first = np.searchsorted(runs, runs, side="left")
        last = np.searchsorted(runs, runs, side="right") - 1
        index = np.arange(self.pixels)
        left, right = np.maximum(index - 1, first), np.minimum(index + 1, last)
        step = np.log(wavelength[right] / wavelength[left]) * C_KMS
        per_unit = UNIT_KMS * (right - left) / np.where(step > 0, step, np.inf)
        self.per_unit.assign(per_unit.astype("float32"))
        self.first.assign(first.astype("int32"))
        self.last.assign(last.astype("int32"))

    def call(self, inputs):
        spectrum, velocity = inputs
        index = ops.arange(self.pixels, dtype="float32")
        offset = velocity * self.per_unit
        whole = ops.floor(offset)
        part = offset - whole
        place = index + whole
        first, last = (ops.cast(v, "float32") for v in (self.first, self.last))
        near = _pick(spectrum, place, first, last)
        far = _pick(spectrum, place + 1.0, first, last)
        return near * (1.0 - part) + far * part

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return _config(super().get_config(), pixels=self.pixels)


@register()
class SplineShift(keras.layers.Layer):
    """A spectrum of cubic B-splines at rest, shifted and read at pixels.

    The splines are uniform in log wavelength, so that a velocity moves them as a
    whole; gradients reach coefficients and velocity.

    Args:
        pixels: Number of pixels.
        nodes: Number of coefficients, as from `spline_nodes`.
        step_kms: Distance of nodes.

    Input shape: `[coefficients (batch, node), velocity (batch, 1)]`, velocity in units
        of 100 km/s.
    Output shape: `(batch, pixel)`.

    Reference:
        Unser 1999, IEEE Signal Processing Magazine 16, 22.
    """

    def __init__(self, pixels: int, nodes: int, step_kms: float, **kwargs):
        super().__init__(trainable=False, **EXACT | kwargs)
        self.pixels = pixels
        self.nodes = nodes
        self.step_kms = step_kms

    def build(self, input_shape):
        self.whole = _fixed(self, "whole", self.pixels, "int32")
        self.part = _fixed(self, "part", self.pixels, "float32")

    def set_places(self, places) -> None:
        """Sets where pixels stand among the nodes at rest, as from `spline_nodes`."""
        _build(self)
        whole = np.floor(places)
        self.whole.assign(whole.astype("int32"))
        self.part.assign((np.asarray(places) - whole).astype("float32"))

    def call(self, inputs):
        coefficients, velocity = inputs
        moved = self.part - velocity * (UNIT_KMS / self.step_kms)
        below = ops.floor(moved)
        t = moved - below
        node = ops.cast(self.whole, "float32") + below
        square, cube = t * t, t * t * t
        weights = (
            1.0 - 3.0 * t + 3.0 * square - cube,
            4.0 - 6.0 * square + 3.0 * cube,
            1.0 + 3.0 * t + 3.0 * square - 3.0 * cube,
            cube,
        )
        parts = [
            weight * _pick(coefficients, node + offset, 0, self.nodes - 1)
            for offset, weight in zip((-1, 0, 1, 2), weights, strict=True)
        ]
        return sum(parts[1:], parts[0]) / 6.0

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], self.pixels)

    def get_config(self):
        return _config(
            super().get_config(),
            pixels=self.pixels,
            nodes=self.nodes,
            step_kms=self.step_kms,
        )


def spline_nodes(
    wavelength: np.ndarray, *, step_kms: float, reach_kms: float
) -> tuple[np.ndarray, int]:
    """Places of pixels among spline nodes that cover them at any velocity in reach.

    Pixels that lie farther apart than twice the reach get nodes of their own.

    Args:
        wavelength: `(pixel,)`, increasing.
        step_kms: Distance of nodes.
        reach_kms: Largest velocity.

    Returns:
        Places `(pixel,)` in units of nodes, and the number of nodes.

    Example:
        >>> places, nodes = spline_nodes(
        ...     np.array([1000.0, 1000.1, 1500.0]), step_kms=10.0, reach_kms=100.0
        ... )
        >>> nodes, places.round(1).tolist()
        (57, [13.0, 16.0, 43.0])
    """
    x = np.log(np.asarray(wavelength, float)) * C_KMS / step_kms
    pad = reach_kms / step_kms + 3.0
    breaks = np.flatnonzero(np.diff(x) > 2 * pad) + 1
    places, start = [], 0
    for run in np.split(x, breaks):
        places.append(run - run[0] + pad + start)
        start += int(np.ceil(run[-1] - run[0] + 2 * pad)) + 1
    return np.concatenate(places), start


def _pick(values, index, low, high):
    """Entries of each row, `(batch, place)` of `(batch, entry)`.

    Places are whole numbers held as floats: a conversion to integers learns the ranges
    of floats alone. The half keeps them whole when they have been rounded to its steps.
    For the same reason not `take_along_axis`, which broadcasts to unknown shapes.
    """
    place = ops.cast(ops.clip(index, low, high) + 0.5, "int32")
    return tf.gather(values, place, axis=1, batch_dims=1)


def _fixed(layer, name: str, length: int, dtype: str):
    return layer.add_weight(
        shape=(length,), initializer="zeros", dtype=dtype, trainable=False, name=name
    )


def _build(layer) -> None:
    if not layer.built:
        layer.build(None)
        layer.built = True


def _config(config, **own):
    config.pop("trainable", None)
    return config | own

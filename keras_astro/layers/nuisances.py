"""Changes of an input that leave the object it shows as it is.

Each serves in two ways: as a layer that changes its input in training alone, and as a
nuisance to which `ConsistentEncoder` makes a code blind.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_astro.errors import ConfigError
from keras_astro.layers.draws import DrawingLayer
from keras_astro.layers.resampling import cubic_matrix, gaussian_matrix, take_cubic
from keras_astro.registry import register

LIGHT_KM_PER_S = 299792.458


class Nuisance(DrawingLayer, abc.ABC):
    """A random change, drawn anew for each row.

    Args:
        size: How strong the change is, 0 or more; each class says in which unit.
        seed: Seed of the draws.

    Raises:
        ConfigError: If the size is negative.
    """

    def __init__(self, size: float, seed: int | None = None, **kwargs):
        super().__init__(seed, **kwargs)
        if not np.all(np.asarray(size) >= 0):
            raise ConfigError(
                f"{type(self).__name__}: expected a size of 0 or more, received {size}",
                hint="Give 0 for no change; which way it goes is drawn.",
            )
        self.size = size

    @abc.abstractmethod
    def perturb(self, inputs, seed):
        """The changed input, with draws from `seed`, an integer or a generator."""

    def call(self, inputs, training=None):
        return self.perturb(inputs, self.draws) if training else inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"size": self.size}


@register()
class PixelNoise(Nuisance):
    """Adds independent normal noise to every pixel.

    Args:
        size: Standard deviation, in the unit of the input; one number, or one a
            pixel, broadcast against a row.
        seed: Seed of the draws.

    Input shape: `(batch, ...)`.
    Output shape: the same.

    Example:
        >>> layer = PixelNoise(0.1, seed=0)
        >>> float(ops.max(layer(ops.zeros((2, 3)))))
        0.0
    """

    def perturb(self, inputs, seed):
        noise = keras.random.normal(ops.shape(inputs), dtype=inputs.dtype, seed=seed)
        return inputs + ops.convert_to_tensor(self.size, inputs.dtype) * noise


@register()
class SubpixelShift(Nuisance):
    """Moves each image by a fraction of a pixel, or by a few, along both axes.

    Interpolates by cubic convolution, exact for quadratics: bilinear interpolation
    would blur as well, and a code would learn blindness to that. Beyond the edge the
    outermost pixels go on.

    Args:
        size: Largest shift along an axis, in pixels; shifts are uniform within it.
        seed: Seed of the draws.

    Input shape: `(batch, y, x, band)`.
    Output shape: the same.

    Reference:
        Keys 1981, IEEE Trans. ASSP 29, 1153, equation 15.

    Example:
        >>> layer = SubpixelShift(0.5, seed=0)
        >>> layer(ops.ones((1, 4, 4, 1)), training=True).shape
        TensorShape([1, 4, 4, 1])
    """

    def perturb(self, inputs, seed):
        shape = (ops.shape(inputs)[0], 2)
        shift = keras.random.uniform(shape, -self.size, self.size, seed=seed)
        return shifted(inputs, shift)


@register()
class PsfBlur(Nuisance):
    """Blurs each image with a round Gaussian, as worse seeing does.

    The Gaussian is sampled at pixel centres: below a sigma of half a pixel it blurs
    less than its name says. At the edges it is normalised over the pixels that exist.

    Args:
        size: Largest sigma, in pixels; sigmas are uniform between 0 and it.
        seed: Seed of the draws.

    Input shape: `(batch, y, x, band)`.
    Output shape: the same.

    Example:
        >>> blurred = PsfBlur(1.0, seed=0)(ops.ones((1, 5, 5, 1)), training=True)
        >>> round(float(ops.min(blurred)), 4)
        1.0
    """

    def perturb(self, inputs, seed):
        shape = (ops.shape(inputs)[0],)
        sigma = keras.random.uniform(shape, 0.0, self.size, seed=seed)
        return blurred(inputs, sigma)


@register()
class VelocityShift(Nuisance):
    """Shifts each spectrum by the Doppler effect of a radial velocity.

    `F'(lambda) = F(lambda / (1 + v / c))`, by cubic convolution between pixels. Beyond
    its ends a spectrum goes on with its last pixel.

    Args:
        size: Largest velocity, in km/s; velocities are uniform within it, either way.
        log_step: Step of a grid that is even in the natural logarithm of wavelength.
        wavelength: The wavelength of each pixel, rising, where the grid is any other.
        seed: Seed of the draws.

    Input shape: `(batch, pixel)` or `(batch, pixel, channel)`.
    Output shape: the same.

    Raises:
        ConfigError: If there is not exactly one of `log_step` and `wavelength`, or
            these do not rise.

    Example:
        >>> layer = VelocityShift(30.0, log_step=1e-4, seed=0)
        >>> layer(ops.ones((2, 6)), training=True).shape
        TensorShape([2, 6])
    """

    def __init__(
        self,
        size: float,
        log_step: float | None = None,
        wavelength: Sequence[float] | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(size, seed, **kwargs)
        if (log_step is None) == (wavelength is None):
            raise ConfigError(
                "velocity shift: expected log_step or wavelength, one of them, "
                "received " + ("neither" if wavelength is None else "both"),
                hint="Give log_step for pixels even in ln(wavelength), else the "
                "wavelengths.",
            )
        if wavelength is not None:
            wavelength = [float(x) for x in wavelength]
        steps = [log_step] if wavelength is None else np.diff(wavelength)
        if not np.all(np.asarray(steps) > 0):
            raise ConfigError(
                "velocity shift: wavelengths must rise from pixel to pixel, received a "
                f"smallest step of {np.min(steps):g}",
                hint="Sort the pixels by wavelength, or give a log_step above 0.",
            )
        self.log_step = log_step
        self.wavelength = wavelength

    def perturb(self, inputs, seed):
        shape = (ops.shape(inputs)[0],)
        velocity = keras.random.uniform(shape, -self.size, self.size, seed=seed)
        return self.doppler(inputs, velocity)

    def doppler(self, spectra, velocity):
        """Spectra seen at given velocities in km/s, `(batch,)`."""
        shift = ops.log1p(velocity / LIGHT_KM_PER_S)[:, None]
        pixels = spectra.shape[1]
        if self.wavelength is None:
            places = ops.arange(pixels, dtype="float32") - shift / self.log_step
        else:
            places = self._places(shift)
        return take_cubic(spectra, places)

    def _places(self, shift):
        """Where on the grid, in pixels, the light of each pixel was emitted."""
        # Differences of logarithms keep in single precision what wavelengths lose.
        grid = np.log(self.wavelength) - np.log(self.wavelength[0])
        steps = ops.convert_to_tensor(np.diff(grid), "float32")
        grid = ops.convert_to_tensor(grid, "float32")
        wanted = grid - shift
        left = ops.searchsorted(grid, ops.reshape(wanted, (-1,)), side="right") - 1
        left = ops.clip(
            ops.reshape(left, ops.shape(wanted)), 0, len(self.wavelength) - 2
        )
        beyond = (wanted - ops.take(grid, left)) / ops.take(steps, left)
        return ops.cast(left, "float32") + beyond

    def get_config(self):
        return super().get_config() | {
            "log_step": self.log_step,
            "wavelength": self.wavelength,
        }


def shifted(images, shift):
    """Images moved by `shift`, `(batch, 2)` in pixels along y and x."""
    _, y, x, _ = images.shape
    return _separable(
        images, cubic_matrix(y, shift[:, 0]), cubic_matrix(x, shift[:, 1])
    )


def blurred(images, sigma):
    """Images convolved with a Gaussian of `sigma`, `(batch,)` in pixels."""
    _, y, x, _ = images.shape
    return _separable(images, gaussian_matrix(y, sigma), gaussian_matrix(x, sigma))


def _separable(images, along_y, along_x):
    single = ops.cast(images, "float32")
    moved = ops.einsum("bij,bjkc->bikc", along_y, single)
    return ops.cast(ops.einsum("bij,bkjc->bkic", along_x, moved), images.dtype)

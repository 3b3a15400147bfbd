"""Images of galaxies by the batch: fast, differentiable, from any Sersic index."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keras_astro.simulate.galaxy_profiles import (
    MOFFAT_RADIUS,
    index_nodes,
    moffat_transform,
    sersic_table,
    wavenumber_nodes,
)

# Nodes of the table of x K1(x), evenly spaced in x, and its end: 1e-7 there.
MOFFAT_NODES = 4096
MOFFAT_END = 18.0
SMALLEST = 1e-12
# Images rendered at once: their intermediate arrays stay in the cache.
CHUNK = 64

# Points along a side at which the light of the copies is computed.
NODES = 10
COPIES = np.array(
    [(i, j) for i in range(-2, 3) for j in range(-2, 3) if i or j], dtype=float
)


class GalaxyRenderer:
    """Noiseless images of sheared Sersic galaxies behind a Moffat PSF of beta 2.

    An image is the inverse Fourier transform of galaxy times PSF times pixel. The
    galaxy is centred, so that its transform is real and the sum over wavenumbers
    splits into products of cosines and of sines: two small matrix products give
    exactly the pixels that are wanted. Wavenumbers up to twice the Nyquist frequency
    are folded back, as sampling does.

    On a grid of wavenumbers the sky is periodic: the light of the copies around is
    taken off, so that the period can be short.

    Args:
        pixels: Side of an image, even.
        pixel_scale_arcsec: Side of a pixel.
        padded_pixels: Period of the sky in pixels, even. With 88 for 64 pixels what is
            left of the copies is below 2.5e-4 of the peak.

    Raises:
        ValueError: If a side is odd or the period shorter than the image.

    Reference:
        Rowe et al. 2015, A&C 10, 121 (GalSim), whose conventions hold: reduced shear
        g = (1 - q) / (1 + q) at constant area, so that the radius is sqrt(a b).

    Example:
        >>> renderer = GalaxyRenderer()
        >>> image = renderer([[1e5, 1.0, 0.3, 0.2, 0.0]], [0.7])
        >>> image.shape, bool(0.9e5 < float(tf.reduce_sum(image)) < 1e5)
        (TensorShape([1, 64, 64]), True)
    """

    def __init__(
        self,
        *,
        pixels: int = 64,
        pixel_scale_arcsec: float = 0.23,
        padded_pixels: int = 88,
    ):
        if pixels % 2 or padded_pixels % 2 or padded_pixels < pixels:
            raise ValueError(
                "expected even sides and padded_pixels >= pixels, received "
                f"{pixels} and {padded_pixels}"
            )
        self.pixels = pixels
        half = padded_pixels // 2
        step = 2 * np.pi / (padded_pixels * pixel_scale_arcsec)
        orders = np.arange(half + 1)
        # Each wavenumber and its alias, which sampling between pixels' centres turns
        # in sign.
        axis = step * np.concatenate([orders, orders - padded_pixels])
        sign = np.repeat([1.0, -1.0], half + 1)
        kx, ky = axis[None, :], axis[:, None]
        pixel = sign * np.sinc(axis * pixel_scale_arcsec / (2 * np.pi))
        self._squares = _constant(kx**2 + 0 * ky), _constant(ky**2 + 0 * kx)
        self._product = _constant(2 * kx * ky)
        self._pixel = _constant(np.outer(pixel, pixel))
        self._wavenumber = _constant(np.hypot(kx, ky))
        self._waves = _waves(pixels, half, step * pixel_scale_arcsec)
        self._sersic = _constant(sersic_table())
        nodes, self._spread = _spread(pixels)
        far = pixel_scale_arcsec * np.add.outer(padded_pixels * COPIES, nodes)
        self._far = _constant(far[:, 0, :, None]), _constant(far[:, 1, None, :])
        self._area = pixel_scale_arcsec**2
        x = np.linspace(0, MOFFAT_END, MOFFAT_NODES)
        self._moffat = _constant(moffat_transform(x))
        self._compiled = None

    def __call__(self, parameters, psf_fwhm_arcsec) -> tf.Tensor:
        """Renders a batch.

        Args:
            parameters: `(batch, 5)`: flux, Sersic index (0.4 to 7), half-light radius
                in arcsec, g1, g2.
            psf_fwhm_arcsec: `(batch,)`.

        Returns:
            `(batch, y, x)`, in the unit of the flux.
        """
        parameters = tf.convert_to_tensor(parameters, tf.float32)
        fwhm = tf.convert_to_tensor(psf_fwhm_arcsec, tf.float32)
        flux, n, radius, g1, g2 = tf.unstack(parameters[:, :, None, None], axis=1)
        profile = _at_index(self._sersic, n[:, 0, 0])
        star = self._pixel * self._star(fwhm)
        shear = g1**2 + g2**2
        size = radius**2 / (1.0 - shear)
        kx2, ky2 = self._squares
        along = size * ((1 + shear + 2 * g1) * kx2 + (1 + shear - 2 * g1) * ky2)
        across = size * (2 * g2 * self._product)
        # Wavenumbers with ky > 0 and with ky < 0.
        upper = fold(star * _look_up(profile, along + across))
        lower = fold(star * _look_up(profile, along - across))
        cosines, sines = self._waves
        even = _transform(upper + lower, cosines)
        odd = _transform(upper - lower, sines)
        image = _quadrants(even - odd, even + odd)
        return flux * (image - self._wrapped(n, radius, g1, g2, fwhm))

    def images(self, parameters, psf_fwhm_arcsec) -> np.ndarray:
        """As a call, for any number of rows, compiled: `(row, y, x)` of NumPy."""
        if self._compiled is None:
            self._compiled = tf.function(self.__call__, jit_compile=True)
        parameters = np.asarray(parameters, "float32")
        fwhm = np.asarray(psf_fwhm_arcsec, "float32")
        rows = len(parameters)
        # All calls are of one size, so that the function compiles once.
        more = -rows % CHUNK
        parameters = np.pad(parameters, ((0, more), (0, 0)), mode="edge")
        fwhm = np.pad(fwhm, (0, more), mode="edge")
        chunks = [slice(i, i + CHUNK) for i in range(0, rows, CHUNK)]
        images = [self._compiled(parameters[c], fwhm[c]).numpy() for c in chunks]
        return np.concatenate(images)[:rows]

    def _wrapped(self, n, radius, g1, g2, fwhm) -> tf.Tensor:
        """Light of the periodic copies within the image, `(batch, y, x)`.

        So far out, galaxy behind PSF is the sum of their wings. It is smooth, so that a
        few points tell it.
        """
        y, x = self._far
        n, radius, g1, g2 = (v[..., None] for v in (n, radius, g1, g2))
        shear = g1**2 + g2**2
        square = (
            (1 + shear - 2 * g1) * x**2 + (1 + shear + 2 * g1) * y**2 - 4 * g2 * x * y
        ) / ((1 - shear) * radius**2)
        b = 2 * n - 1 / 3 + 4 / (405 * n) + 46 / (25515 * n**2)
        log_flux = tf.math.log(2 * np.pi * n) - 2 * n * tf.math.log(b)
        log_flux += tf.math.lgamma(2 * n) + 2 * tf.math.log(radius)
        galaxy = tf.exp(-b * square ** (0.5 / n) - log_flux)
        star_radius = (MOFFAT_RADIUS * fwhm)[:, None, None, None]
        star = star_radius**2 / (np.pi * (star_radius**2 + x**2 + y**2) ** 2)
        light = self._area * tf.reduce_sum(galaxy + star, axis=1)
        return tf.einsum("my,bmn,nx->byx", self._spread, light, self._spread)

    def _star(self, fwhm: tf.Tensor) -> tf.Tensor:
        """Transform of the PSF on the grid, `(batch, ky, kx)`."""
        x = self._wavenumber * (MOFFAT_RADIUS * fwhm)[:, None, None]
        place = x * ((MOFFAT_NODES - 1) / MOFFAT_END)
        return _linear(self._moffat, tf.minimum(place, MOFFAT_NODES - 1.001))


def fold(values: tf.Tensor) -> tf.Tensor:
    """Sums a grid `(batch, ky, kx)` with its aliases, which are its second halves."""
    half = values.shape[-1] // 2
    values = values[:, :half] + values[:, half:]
    return values[:, :, :half] + values[:, :, half:]


def _spread(pixels: int) -> tuple[np.ndarray, tf.Tensor]:
    """Points across an image, in pixels, and Lagrange's polynomials through them."""
    nodes = pixels / 2 * np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    at = np.arange(pixels) - (pixels - 1) / 2
    return nodes, _constant(
        [
            np.prod([(at - m) / (node - m) for m in nodes if m != node], axis=0)
            for node in nodes
        ]
    )


def _waves(pixels: int, half: int, step: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Cosines and sines at the pixels right of the centre, `(order, pixel)`, weighted.

    The sum runs over orders of either sign along x and y; those of the orders 0 and
    `half` are one and the same, the other ones come twice.
    """
    order = np.arange(half + 1)[:, None]
    phase = step * order * (np.arange(pixels // 2) + 0.5)
    weight = np.where((order == 0) | (order == half), 0.5, 1.0) * step / (2 * np.pi)
    scale = np.sqrt(2.0) * weight
    return _constant(scale * np.cos(phase)), _constant(scale * np.sin(phase))


def _transform(values: tf.Tensor, waves: tf.Tensor) -> tf.Tensor:
    """Sums over both orders: `(batch, ky, kx)` to `(batch, y, x)`."""
    along_x = tf.tensordot(values, waves, 1)
    return tf.einsum("ly,blx->byx", waves, along_x)


def _quadrants(same: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """An image from its quadrants where x and y have the same sign, or another one."""
    upper = tf.concat([other[:, :, ::-1], same], axis=2)
    return tf.concat([upper[:, ::-1, ::-1], upper], axis=1)


def _at_index(table: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
    """Rows of the table at Sersic indices, by cubic interpolation in ln n."""
    nodes = index_nodes()
    place = (tf.math.log(n) - nodes[0]) / (nodes[1] - nodes[0])
    node = tf.clip_by_value(tf.cast(tf.floor(place), tf.int32), 1, len(nodes) - 3)
    t = place - tf.cast(node, tf.float32)
    # Lagrange's polynomials through the nodes -1, 0, 1 and 2.
    weights = tf.stack(
        [
            -t * (t - 1) * (t - 2) / 6,
            (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2,
            (t + 1) * t * (t - 1) / 6,
        ],
        axis=1,
    )
    rows = tf.gather(table, node[:, None] + tf.range(-1, 3))
    return tf.einsum("bi,bik->bk", weights, rows)


def _look_up(profile: tf.Tensor, square: tf.Tensor) -> tf.Tensor:
    """Each row's profile at squared wavenumbers, linear in their logarithm."""
    nodes = wavenumber_nodes()
    scale = float(1.0 / (nodes[1] - nodes[0]))
    place = tf.math.log(square + SMALLEST) * (0.5 * scale) - float(nodes[0] * scale)
    place = tf.clip_by_value(place, 0.0, len(nodes) - 1.001)
    # One long table: XLA gathers faster from it than row by row.
    first = len(nodes) * tf.range(tf.shape(profile)[0])[:, None, None]
    return _linear(tf.reshape(profile, [-1]), place, first)


def _linear(table: tf.Tensor, place: tf.Tensor, first: tf.Tensor | int = 0):
    """Linear interpolation in a table, from its element `first` on."""
    node = tf.cast(place, tf.int32)
    # Value and difference as one complex number: a single look-up.
    pairs = tf.complex(table, tf.roll(table, -1, axis=0) - table)
    found = tf.gather(pairs, first + node)
    rest = place - tf.cast(node, tf.float32)
    return tf.math.real(found) + rest * tf.math.imag(found)


def _constant(values: np.ndarray) -> tf.Tensor:
    return tf.constant(values, tf.float32)

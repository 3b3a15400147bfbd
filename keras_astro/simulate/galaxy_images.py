"""Images of galaxies in NumPy alone, to see what a model's numbers look like.

Where neither TensorFlow nor SciPy is installed, a measured galaxy can still be drawn
over its data. As `galaxy_renderer`, with transforms from a file, and without a
correction for the light of periodic copies, which is below a hundredth of the noise
that the recipes have.
"""

from __future__ import annotations

import functools
from importlib import resources

import numpy as np

# Scale radius over FWHM of a Moffat profile of beta 2.
MOFFAT_RADIUS = 0.5 / np.sqrt(np.sqrt(2.0) - 1.0)
# Of the tables of transforms, which `benchmarks/galaxy_tables.py` writes: ends of the
# nodes in ln n and in ln k, and the end of those of x K1(x), evenly spaced in x.
TABLES = "galaxy_transforms.npz"
LOG_INDEX = np.log((0.4, 7.0))
LOG_WAVENUMBER = np.log((1e-3, 3e2))
MOFFAT_END = 18.0
# Nodes in ln k between which a profile is linear.
NODES = 2048
SMALLEST = 1e-12
# The sky's period over the side of an image.
PERIOD = 1.5
# Images drawn at once: their intermediate arrays stay in the cache.
CHUNK = 16


def draw_images(
    parameters: np.ndarray,
    psf_fwhm_arcsec: np.ndarray,
    *,
    pixels: int = 64,
    pixel_scale_arcsec: float = 0.23,
) -> np.ndarray:
    """Noiseless images of sheared Sersic galaxies behind a Moffat PSF of beta 2.

    Args:
        parameters: `(row, 5)`: flux, Sersic index (0.4 to 7), half-light radius in
            arcsec, g1, g2.
        psf_fwhm_arcsec: `(row,)`.
        pixels: Side of an image, a multiple of 4.
        pixel_scale_arcsec: Side of a pixel.

    Returns:
        `(row, y, x)` float32, in the unit of the flux.

    Raises:
        ValueError: If the side is no multiple of 4.

    Reference:
        Rowe et al. 2015, A&C 10, 121 (GalSim), whose conventions hold.

    Example:
        >>> image = draw_images(np.array([[1e5, 1.0, 0.3, 0.2, 0.0]]), np.array([0.7]))
        >>> image.shape, bool(0.9e5 < image.sum() < 1e5)
        ((1, 64, 64), True)
    """
    if pixels % 4:
        raise ValueError(f"expected pixels a multiple of 4, received {pixels}")
    parameters = np.asarray(parameters, "float32")
    fwhm = np.asarray(psf_fwhm_arcsec, "float32")
    out = np.empty((len(parameters), pixels, pixels), "float32")
    for start in range(0, len(out), CHUNK):
        rows = slice(start, start + CHUNK)
        out[rows] = _chunk(parameters[rows], fwhm[rows], pixels, pixel_scale_arcsec)
    return out


def _chunk(parameters, fwhm, pixels: int, scale: float) -> np.ndarray:
    kx, ky, response, wavenumber, cosines, sines = _grid(pixels, scale)
    profile, moffat = _at_index(parameters[:, 1]), _tables()[1]
    flux, _, radius, g1, g2 = parameters.T[:, :, None, None]
    place = wavenumber * (MOFFAT_RADIUS * fwhm)[:, None, None]
    place *= np.float32((len(moffat) - 1) / MOFFAT_END)
    star = _linear(moffat, np.minimum(place, np.float32(len(moffat) - 1.001)))
    star *= response
    shear = g1**2 + g2**2
    size = radius**2 / (1 - shear)
    along = (size * (1 + shear + 2 * g1)) * kx**2 + (
        size * (1 + shear - 2 * g1)
    ) * ky**2
    across = (size * 4 * g2) * (kx * ky)
    upper = _fold(star * _look_up(profile, along + across))
    lower = _fold(star * _look_up(profile, along - across))
    even = cosines.T @ (upper + lower) @ cosines
    odd = sines.T @ (upper - lower) @ sines
    # Quadrants where x and y have the same sign, and the other ones.
    same, other = even - odd, even + odd
    top = np.concatenate([other[:, :, ::-1], same], axis=2)
    return flux * np.concatenate([top[:, ::-1, ::-1], top], axis=1)


@functools.lru_cache(maxsize=4)
def _grid(pixels: int, scale: float) -> tuple[np.ndarray, ...]:
    """Wavenumbers with their aliases, the pixel's response, and the waves."""
    period = int(PERIOD * pixels)
    half = period // 2
    step = 2 * np.pi / (period * scale)
    orders = np.arange(half + 1)
    axis = step * np.concatenate([orders, orders - period])
    # Sampling between pixels' centres turns an alias in sign.
    sign = np.repeat([1.0, -1.0], half + 1)
    pixel = sign * np.sinc(axis * scale / (2 * np.pi))
    phase = step * scale * orders[:, None] * (np.arange(pixels // 2) + 0.5)
    # The orders 0 and `half` are there once; the other ones with either sign.
    once = ((orders == 0) | (orders == half))[:, None]
    weight = np.sqrt(2.0) * np.where(once, 0.5, 1.0) * step * scale / (2 * np.pi)
    found = (
        axis[None, :],
        axis[:, None],
        np.outer(pixel, pixel),
        np.hypot(axis[None, :], axis[:, None]),
        weight * np.cos(phase),
        weight * np.sin(phase),
    )
    return tuple(array.astype("float32") for array in found)


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Sersic transforms `(index, wavenumber)` on the fine nodes, and Moffat's."""
    file = resources.files("keras_astro.simulate") / "data" / TABLES
    with file.open("rb") as opened, np.load(opened) as found:
        sersic, moffat = found["sersic"], found["moffat"]
    place = np.linspace(0.0, sersic.shape[1] - 1, NODES)
    node, weights = _cubic(place, sersic.shape[1])
    fine = np.einsum("nki,ki->nk", sersic[:, node[:, None] + np.arange(-1, 3)], weights)
    return fine.astype("float32"), moffat


def _cubic(place: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes below places, and the weights of the nodes -1, 0, 1 and 2 around them.

    Lagrange's polynomials.
    """
    node = np.clip(np.floor(place).astype(int), 1, nodes - 3)
    t = place - node
    weights = [
        -t * (t - 1) * (t - 2) / 6,
        (t + 1) * (t - 1) * (t - 2) / 2,
        -(t + 1) * t * (t - 2) / 2,
        (t + 1) * t * (t - 1) / 6,
    ]
    return node, np.stack(weights, axis=1).astype("float32")


def _at_index(n: np.ndarray) -> np.ndarray:
    """Transforms of Sersic profiles, `(row, wavenumber)`, by cubic interpolation."""
    sersic = _tables()[0]
    low, high = LOG_INDEX
    place = (np.log(n) - low) * ((len(sersic) - 1) / (high - low))
    node, weights = _cubic(place, len(sersic))
    return np.einsum("bik,bi->bk", sersic[node[:, None] + np.arange(-1, 3)], weights)


def _look_up(profile: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Each row's profile at squared wavenumbers, linear in their logarithm."""
    low, high = LOG_WAVENUMBER
    scale = (NODES - 1) / (high - low)
    place = np.log(square + np.float32(SMALLEST))
    place *= np.float32(0.5 * scale)
    place -= np.float32(low * scale)
    np.clip(place, 0.0, np.float32(NODES - 1.001), out=place)
    return _linear(
        profile.ravel(), place, NODES * np.arange(len(profile))[:, None, None]
    )


def _linear(table: np.ndarray, place: np.ndarray, first=0) -> np.ndarray:
    """Linear interpolation in a table, from its element `first` on."""
    node = place.astype("int32")
    at = first + node
    low = table[at]
    return low + (place - node) * (table[at + 1] - low)


def _fold(values: np.ndarray) -> np.ndarray:
    """Sums a grid `(row, ky, kx)` with its aliases, which are its second halves."""
    half = values.shape[-1] // 2
    values = values[:, :half] + values[:, half:]
    return values[:, :, :half] + values[:, :, half:]

"""Light profiles as Fourier tables: a scene of any size costs one transform.

GalSim gives the transforms of its profiles on radial grids, once. Scenes are sums of
interpolated tables times phases, on a grid with two samples a pixel, because ZTF's
pixels are too coarse for its best seeing.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np

SIDE = 64
OVERSAMPLED = 2
GRID = SIDE * OVERSAMPLED
CENTRE = 31

# The profiles that hosts are made of; tables of other indices are never built.
SERSIC_N = (0.5, 1.0, 1.5, 2.5, 4.0)
FWHM_STEP = 0.02

# At the last frequency even the most peaked profile has lost 99.9 % of its light.
TABLE_STEP = 0.04
TABLE_LENGTH = 2000


@dataclass
class Scene:
    """Sources of a stamp; positions in pixels from its centre, fluxes in DN.

    Args:
        points: Rows of `x, y, flux`.
        galaxies: Rows of `x, y, flux, n, half_light_radius, e1, e2`.
    """

    points: list[tuple[float, float, float]] = field(default_factory=list)
    galaxies: list[tuple[float, ...]] = field(default_factory=list)


@functools.cache
def frequencies() -> tuple[np.ndarray, np.ndarray]:
    """Angular frequencies along y and x, radians a pixel, of the oversampled grid."""
    ky = 2 * np.pi * np.fft.fftfreq(GRID, 1 / OVERSAMPLED)
    kx = 2 * np.pi * np.fft.rfftfreq(GRID, 1 / OVERSAMPLED)
    return ky, kx


@functools.cache
def pixel_response() -> np.ndarray:
    """Transform of a square pixel, `(ky, kx)`."""
    ky, kx = frequencies()
    return np.sinc(ky / (2 * np.pi))[:, None] * np.sinc(kx / (2 * np.pi))


@functools.cache
def radial_table(kind: str, shape: float) -> np.ndarray:
    """Transform of a profile of unit flux and size at frequencies times size.

    Args:
        kind: `moffat` of FWHM 1 with beta `shape`, or `sersic` of half-light radius 1.
        shape: Moffat's beta or Sersic's n.

    Returns:
        Values at multiples of `TABLE_STEP`; the last one stands for all beyond.
    """
    import galsim

    profile = (
        galsim.Moffat(beta=shape, fwhm=1.0)
        if kind == "moffat"
        else galsim.Sersic(n=shape, half_light_radius=1.0)
    )
    k = TABLE_STEP * np.arange(TABLE_LENGTH)
    return np.array([profile.kValue(float(value), 0.0).real for value in k])


def looked_up(table: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Linear interpolation in a table of `radial_table`."""
    position = np.minimum(k * (1 / TABLE_STEP), TABLE_LENGTH - 1.001)
    below = position.astype(np.int32)
    low = table[below]
    return low + (position - below) * (table[below + 1] - low)


@functools.lru_cache(maxsize=256)
def _psf(step: int, beta: float) -> np.ndarray:
    ky, kx = frequencies()
    radius = np.hypot(ky[:, None], kx) * step * FWHM_STEP
    return looked_up(radial_table("moffat", beta), radius) * pixel_response()


@functools.lru_cache(maxsize=256)
def _pixel_psf(step: int, beta: float) -> np.ndarray:
    ky, kx = frequencies()
    centred = np.exp(-1j * ky * CENTRE)[:, None] * np.exp(-1j * kx * CENTRE)
    pixels = image(_psf(step, beta) * centred)
    return np.fft.rfft2(np.roll(pixels, (-CENTRE, -CENTRE), (0, 1)))


def psf_transform(fwhm_pixels: float, beta: float) -> np.ndarray:
    """Transform of the point-spread function and the pixel, `(ky, kx)`.

    The FWHM is rounded to 0.02 pixels, so that the tables stay few.
    """
    return _psf(max(round(fwhm_pixels / FWHM_STEP), 1), beta)


def pixel_psf_transform(fwhm_pixels: float, beta: float) -> np.ndarray:
    """Transform of the point-spread function as the pixels sample it, `(64, 33)`."""
    return _pixel_psf(max(round(fwhm_pixels / FWHM_STEP), 1), beta)


def scene_transform(scene: Scene) -> np.ndarray:
    """Transform of a scene before any blur, `(ky, kx)` complex, centred on the stamp.

    Reference:
        Bernstein and Gruen 2014, PASP 126, 287: profiles are rendered in Fourier space.
    """
    ky, kx = frequencies()
    total = np.zeros((len(ky), len(kx)), complex)
    if scene.points:
        x, y, flux = np.array(scene.points, float).T
        rows = np.exp(-1j * ky[:, None] * (y + CENTRE)) * flux
        total += rows @ np.exp(-1j * kx * (x + CENTRE)[:, None])
    for galaxy in scene.galaxies:
        total += _galaxy(*galaxy)
    return total


def _galaxy(x, y, flux, n, radius, e1, e2) -> np.ndarray:
    ky, kx = frequencies()
    # Frequencies transform by the transpose of the image's shear, which is symmetric.
    norm = 1 / np.sqrt(max(1 - e1 * e1 - e2 * e2, 0.05))
    across = norm * ((1 + e1) * kx + e2 * ky[:, None])
    along = norm * (e2 * kx + (1 - e1) * ky[:, None])
    nearest = min(SERSIC_N, key=lambda value: abs(value - n))
    size = np.sqrt(across**2 + along**2) * radius
    profile = looked_up(radial_table("sersic", nearest), size)
    phase = np.exp(-1j * ky * (y + CENTRE))[:, None] * np.exp(-1j * kx * (x + CENTRE))
    return flux * profile * phase


def shifted(transform: np.ndarray, x: float, y: float) -> np.ndarray:
    """A scene moved by a fraction of a pixel."""
    ky, kx = frequencies()
    return transform * (np.exp(-1j * ky * y)[:, None] * np.exp(-1j * kx * x))


def image(transform: np.ndarray) -> np.ndarray:
    """Pixels of a transform, `(y, x)` of 64 x 64, flux a pixel."""
    fine = np.fft.irfft2(transform, (GRID, GRID)) * OVERSAMPLED**2
    return fine[::OVERSAMPLED, ::OVERSAMPLED]

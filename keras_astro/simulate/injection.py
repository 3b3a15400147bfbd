"""Simulated substructure in any lens image: a label-free stress test of a model."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates


def inject_subhalos(
    images: np.ndarray,
    *,
    seed: int,
    count: int = 5,
    einstein_radius_pixels: tuple[float, float] = (0.3, 1.2),
    ring_fraction: float = 0.13,
    magnification: float = 2.0,
) -> np.ndarray:
    """Warps images as small isothermal halos near the ring would.

    A subhalo shifts the light it covers by its deflection; in the image plane that
    shift appears enlarged by the macro lens. The image is resampled at
    `x - magnification * alpha(x)`, which needs no lens model and leaves noise, PSF and
    background as they are.

    Args:
        images: `(row, y, x, band)`.
        seed: Seed of positions and masses.
        count: Subhalos an image.
        einstein_radius_pixels: Range of the halos' own Einstein radii.
        ring_fraction: Distance of the ring from the centre over the image's side;
            halos fall between half and one and a half times that.
        magnification: Factor by which the macro lens enlarges a shift.

    Returns:
        Images of the same shape.

    Example:
        >>> images = np.random.default_rng(0).random((2, 32, 32, 1)).astype("float32")
        >>> inject_subhalos(images, seed=1).shape
        (2, 32, 32, 1)
    """
    rng = np.random.default_rng(seed)
    rows, height, width, bands = images.shape
    y, x = np.indices((height, width), dtype=np.float32)
    ring = ring_fraction * min(height, width)
    warped = np.empty_like(images)
    for row in range(rows):
        radius = ring * rng.uniform(0.5, 1.5, count)
        angle = rng.uniform(0.0, 2 * np.pi, count)
        strength = rng.uniform(*einstein_radius_pixels, count)
        shift_y, shift_x = np.zeros_like(y), np.zeros_like(x)
        for r, phi, b in zip(radius, angle, strength, strict=True):
            dy = y - (height - 1) / 2 - r * np.sin(phi)
            dx = x - (width - 1) / 2 - r * np.cos(phi)
            # Singular isothermal sphere: the deflection has constant length b.
            length = np.sqrt(dx**2 + dy**2 + 0.25)
            shift_y += b * dy / length
            shift_x += b * dx / length
        # The mean shift only moves the source, which is no anomaly.
        where = [
            y - magnification * (shift_y - shift_y.mean()),
            x - magnification * (shift_x - shift_x.mean()),
        ]
        for band in range(bands):
            warped[row, ..., band] = map_coordinates(
                images[row, ..., band], where, order=1, mode="nearest"
            )
    return warped

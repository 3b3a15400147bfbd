"""Images of the point-spread function, brought to where a model wants the star."""

from __future__ import annotations

import numpy as np

from keras_astro.data.readers.moffat import profile


def star_image(
    fwhm: float,
    shape: tuple[int, int],
    star: np.ndarray | None = None,
    centre: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """A star of unit sum at the middle of an image.

    A stamp usually has its star on a pixel, and an image of even sides its middle
    between four. The Moffat profile of beta 2 nearest to the star is drawn anew there,
    and only what is left of the star is interpolated: of a star that is such a
    profile, 0.1 % is lost, where an interpolation of the narrowest would lose 13 %.

    Args:
        fwhm: Of that profile, in pixels.
        shape: `(y, x)` of the image.
        star: Stamp `(y, x)`, without background; the profile itself when None.
        centre: Row and column of the star in the stamp.

    Example:
        >>> found = star_image(3.0, (8, 8))
        >>> round(float(found.sum()), 6), bool(np.allclose(found, found[::-1, ::-1]))
        (1.0, True)
    """
    middle = np.subtract(shape, 1) / 2
    found = profile(shape, fwhm, middle)
    if star is not None:
        nearest = profile(star.shape, fwhm, centre)
        flux = np.sum(star * nearest) / np.sum(nearest**2)
        rest = moved(star - flux * nearest, np.subtract(middle, centre), shape)
        found = flux * found + rest
    return (found / found.sum()).astype("float32")


def moved(stamp: np.ndarray, by: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A stamp in an image of zeros, its origin at `by`, between pixels bilinearly.

    Example:
        >>> moved(np.ones((1, 1)), np.array([0.0, 0.5]), (1, 3)).tolist()
        [[0.5, 0.5, 0.0]]
    """
    found = np.zeros(shape)
    first = np.floor(by).astype(int)
    part = by - first
    for step in np.ndindex(2, 2):
        weight = np.prod(np.where(step, part, 1 - part))
        here, there = _overlap(stamp.shape, shape, first + step)
        found[there] += weight * stamp[here]
    return found


def _overlap(stamp, shape, origin):
    """Where a stamp and an image have pixels in common, as slices of each."""
    ranges = [
        (max(0, -at), min(side, whole - at), at)
        for side, whole, at in zip(stamp, shape, origin.tolist(), strict=True)
    ]
    here = tuple(slice(low, max(low, high)) for low, high, _ in ranges)
    there = tuple(slice(low + at, max(low, high) + at) for low, high, at in ranges)
    return here, there

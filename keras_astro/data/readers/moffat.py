"""The width of a star's image, as that of the Moffat profile nearest to it."""

from __future__ import annotations

import numpy as np

from keras_astro.errors import DataError

# Points along a pixel at which the profile is averaged.
FINE = 5
# Side of the middle that is fitted: beyond lies noise and a twentieth of the light.
SIDE = 25
STEPS, TOLERANCE = 60, 1e-6
# Scale radius over FWHM of a Moffat profile of beta 2.
RADIUS = 0.5 / np.sqrt(np.sqrt(2.0) - 1.0)


def moffat_fwhm(star: np.ndarray) -> tuple[float, tuple[float, float], float]:
    """Fits a round Moffat profile of beta 2, averaged over pixels, by least squares.

    Args:
        star: Image `(y, x)` of the point-spread function, without background.

    Returns:
        FWHM in pixels; row and column of the centre; and the root of the squared
        residual over the squared image, 0 for such a profile.

    Raises:
        DataError: If there is no star in the image.

    Example:
        >>> y, x = np.mgrid[-12:13, -12:13]
        >>> star = 1.0 / (1 + (x**2 + y**2) / 9.0) ** 2
        >>> fwhm, centre, rest = moffat_fwhm(star)
        >>> round(fwhm, 1), centre, rest < 0.01
        (3.8, (12.0, 12.0), True)
    """
    star = np.asarray(star, float)
    if star.ndim != 2 or min(star.shape) < 5 or not np.all(np.isfinite(star)):
        raise DataError(
            "expected a PSF image (y, x) of 5 x 5 finite pixels or more, found "
            f"shape {star.shape} with {np.sum(~np.isfinite(star))} not finite",
            hint="Cut out a star without masked pixels, or give PSF_FWHM and no "
            "extension PSF.",
        )
    top, left = ((side - min(side, SIDE)) // 2 for side in star.shape)
    middle = star[top : top + SIDE, left : left + SIDE]
    row, column = np.unravel_index(middle.argmax(), middle.shape)
    area = np.sum(middle) / max(middle.max(), 1e-30)
    if middle.max() <= 0 or area <= 0:
        raise DataError(
            "expected a star in the PSF image, found no light",
            hint=f"Put the star into the middle {SIDE} pixels, and subtract only the "
            "background.",
        )
    # Of a Moffat profile of beta 2, sum over peak is pi times the squared radius.
    x = np.array([0.5 * np.log(max(area, 1.0) / np.pi), row, column], float)
    x, found = _least_squares(middle, x)
    rest = np.sqrt(np.sum((middle - found) ** 2) / np.sum(middle**2))
    centre = (round(float(x[1] + top), 4), round(float(x[2] + left), 4))
    return float(np.exp(x[0]) / RADIUS), centre, float(rest)


def _least_squares(star: np.ndarray, x: np.ndarray):
    """Levenberg-Marquardt over log radius and centre; the flux is solved for."""
    damping, found = 1e-3, _nearest(star, x)
    loss = np.sum((star - found) ** 2)
    for _ in range(STEPS):
        slope = np.stack(
            [(_nearest(star, x + 1e-4 * e) - found).ravel() / 1e-4 for e in np.eye(3)],
            axis=1,
        )
        square = slope.T @ slope
        gradient = slope.T @ (star - found).ravel()
        step = np.linalg.solve(
            square + damping * np.diag(np.diag(square) + 1e-30), gradient
        )
        step = np.clip(step, -1.0, 1.0)
        there = _nearest(star, x + step)
        better = np.sum((star - there) ** 2)
        if better < loss:
            x, found, loss, damping = x + step, there, better, 0.3 * damping
        else:
            damping *= 10.0
        if np.max(np.abs(step)) < TOLERANCE:
            break
    return x, found


def _nearest(star: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The profile of that radius and centre, with the flux nearest to the star's."""
    found = profile(star.shape, np.exp(x[0]) / RADIUS, x[1:])
    return found * (np.sum(star * found) / np.sum(found**2))


def profile(shape: tuple[int, ...], fwhm: float, centre) -> np.ndarray:
    """A round Moffat profile of beta 2 and peak 1, averaged over pixels, `(y, x)`.

    Args:
        shape: Of the image.
        fwhm: In pixels.
        centre: Row and column.
    """
    fine = (np.arange(FINE) - (FINE - 1) / 2) / FINE
    y, x = (
        (np.arange(side)[:, None] + fine).ravel() - middle
        for side, middle in zip(shape, centre, strict=True)
    )
    square = (y[:, None] ** 2 + x**2) / (fwhm * RADIUS) ** 2
    found = 1.0 / (1.0 + square) ** 2
    return found.reshape(shape[0], FINE, shape[1], FINE).mean((1, 3))

"""One spectrum from the orders of an echelle spectrograph."""

from __future__ import annotations

import numpy as np

from keras_astro.errors import DataError
from keras_astro.preprocessing.spectra import resample


def join_orders(
    wavelength: np.ndarray, flux: np.ndarray, ivar: np.ndarray, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Resamples each order and averages where orders overlap, by inverse variance.

    Orders should be on one flux scale: divide by the blaze first. An order whose
    wavelengths fall is turned round.

    Args:
        wavelength: Centres of the pixels, `(order, pixel)`.
        flux: Flux density, `(order, pixel)`.
        ivar: Inverse variance, 0 in bad pixels, `(order, pixel)`.
        grid: Centres of the new pixels, `(new pixel,)`.

    Returns:
        Flux and inverse variance, each `(new pixel,)`; 0 where no order has data.

    Raises:
        DataError: If no order reaches into the grid.

    Example:
        >>> waves = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
        >>> flux, ivar = join_orders(waves, waves, np.ones((2, 3)), np.arange(1.0, 6))
        >>> flux.tolist(), ivar.tolist()
        ([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 1.0, 2.0, 1.0, 1.0])
    """
    total, weight = np.zeros(len(grid)), np.zeros(len(grid))
    for places, values, weights in zip(wavelength, flux, ivar, strict=True):
        order = slice(None) if places[-1] > places[0] else slice(None, None, -1)
        found, known = resample(
            places[order], values[None, order], weights[None, order], grid
        )
        total += found[0] * known[0]
        weight += known[0]
    if not weight.any():
        raise DataError(
            f"no order reaches into {grid[0]:.1f}-{grid[-1]:.1f} angstrom; they span "
            f"{np.min(wavelength):.1f}-{np.max(wavelength):.1f}",
            hint="Check the unit of the wavelengths.",
        )
    return np.divide(total, weight, out=total, where=weight > 0), weight

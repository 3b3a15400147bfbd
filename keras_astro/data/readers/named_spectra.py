"""Archives that name each spectrum: one vector a star beside the wavelengths."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_astro.data.readers.arrays import first_of


def stacked_vectors(
    arrays: Mapping[str, np.ndarray], *, known: tuple[str, ...], grid: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """One array of fluxes and their names, where an archive has a vector a spectrum.

    An archive that has a flux is left as it is, and so is one without wavelengths.

    Args:
        arrays: All arrays of the archive by name.
        known: Names of fluxes.
        grid: Names of wavelengths.

    Returns:
        The arrays, with `flux` `(row, pixel)` and `id` `(row,)` in place of vectors as
        long as the wavelengths.

    Example:
        >>> arrays = {"wave": np.arange(3.0), "GJ 1": np.ones(3), "GJ 2": np.zeros(3)}
        >>> found = stacked_vectors(arrays, known=("flux",), grid=("wave",))
        >>> found["flux"].shape, found["id"].tolist()
        ((2, 3), ['GJ 1', 'GJ 2'])
    """
    wavelength = first_of(arrays, grid)
    if first_of(arrays, known) or wavelength is None:
        return dict(arrays)
    shape = np.shape(arrays[wavelength])
    names = [
        name
        for name, array in arrays.items()
        if name != wavelength and array.shape == shape and array.dtype.kind in "fiu"
    ]
    if len(shape) != 1 or not names:
        return dict(arrays)
    rest = {name: array for name, array in arrays.items() if name not in names}
    return rest | {
        "flux": np.stack([arrays[name] for name in names]),
        "id": np.array(names),
    }

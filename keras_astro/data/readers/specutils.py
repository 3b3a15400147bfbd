"""Spectra of specutils as rows, and files that it reads where it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_astro.data.readers.spectrum_rows import spectra_sample
from keras_astro.data.sample import Sample, Schema

# What its many loaders raise of files that are not theirs, or that are damaged.
REASONS = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError)


def read_file(path: Path, schema: Schema) -> Sample | None:
    """One spectrum, or several on one grid, in any format that specutils knows.

    Returns:
        The rows; None where specutils is not installed or does not know the file.

    Raises:
        DataError: If the grid does not increase.
    """
    try:
        import specutils
    except ImportError:
        return None
    # The class had the other name before its version 2.
    kind = getattr(specutils, "Spectrum", None) or specutils.Spectrum1D
    try:
        spectrum = kind.read(str(path))
    except REASONS:
        return None
    sample = from_specutils(spectrum, schema)
    count = len(sample)
    ids = [path.stem] if count == 1 else [f"{path.stem}-{i}" for i in range(count)]
    sample.meta["id"] = np.array(ids)
    return sample


def from_specutils(spectrum: Any, schema: Schema) -> Sample:
    """A `Spectrum` or collection of spectra on one grid, as rows of a schema.

    Args:
        spectrum: Has `flux`, `spectral_axis` (any unit of length, or what converts to
            one), and maybe `uncertainty` (of any kind that astropy can convert to an
            inverse variance) and `mask`.
        schema: What the task expects.

    Returns:
        `(row, pixel)`, wavelengths in angstrom as observed.

    Raises:
        DataError: If the grid does not increase or shapes do not fit.

    Example:
        >>> import astropy.units as u
        >>> from types import SimpleNamespace
        >>> from keras_astro.data.schemas import CGM
        >>> one = SimpleNamespace(
        ...     flux=np.ones(3) * u.one, spectral_axis=[0.15, 0.16, 0.17] * u.um
        ... )
        >>> from_specutils(one, CGM).axes["wavelength_angstrom"].round(3).tolist()
        [1500.0, 1600.0, 1700.0]
    """
    from astropy import units
    from astropy.nddata import InverseVariance

    axis = units.Quantity(spectrum.spectral_axis)
    wavelength = axis.to_value(units.AA, equivalencies=units.spectral())
    flux = np.atleast_2d(np.asarray(spectrum.flux.value, float))
    arrays = {"flux": flux}
    uncertainty = getattr(spectrum, "uncertainty", None)
    if uncertainty is not None:
        ivar = uncertainty.represent_as(InverseVariance).array
        arrays["ivar"] = np.atleast_2d(np.asarray(ivar, float))
    mask = getattr(spectrum, "mask", None)
    if mask is not None:
        arrays["mask"] = np.broadcast_to(np.asarray(mask), flux.shape)
    if wavelength[0] > wavelength[-1]:
        # Frequencies and energies increase where wavelengths decrease.
        wavelength = wavelength[::-1]
        arrays = {key: value[:, ::-1] for key, value in arrays.items()}
    return spectra_sample(
        arrays | {"wavelength_angstrom": wavelength}, schema, "specutils spectrum"
    )

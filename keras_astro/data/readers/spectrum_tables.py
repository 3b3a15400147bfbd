"""One spectrum from a FITS table, whatever its columns are called."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path

import numpy as np

from keras_astro.data.readers.wcs_spectra import image_spectrum
from keras_astro.errors import DataError

# Names in use: COS x1d and coadded spectra, SDSS, and what people write by hand.
COLUMNS = {
    "wavelength": ("WAVELENGTH", "WAVE", "LAMBDA", "WAVELENGTH_ANGSTROM"),
    "loglam": ("LOGLAM",),
    "flux": ("FLUX", "NORMALIZED_FLUX", "FLUX_NORM"),
    "ivar": ("IVAR",),
    "error": ("ERROR", "ERR", "SIGMA", "FLUX_ERR", "UNCERTAINTY"),
    "dq": ("DQ", "MASK", "AND_MASK", "QUALITY"),
    "continuum": ("CONTINUUM", "CONT"),
}
REASONS = (OSError, ValueError, TypeError, EOFError, KeyError, zlib.error)


def read_fits_spectrum(path: Path) -> dict[str, np.ndarray]:
    """The first spectrum table of a FITS file, sorted by wavelength.

    A table has a row for each pixel, or a row for each segment of the detector with
    vectors in its columns; segments are joined. Flux and errors are divided by the
    continuum where there is a column of that name.

    Args:
        path: The file.

    Returns:
        `flux`, `wavelength` or `loglam`, and as far as known `ivar`, `error`, `dq`;
        each `(pixel,)`.

    Raises:
        DataError: If the file is no FITS, truncated, or holds no such table.
    """
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyWarning

    try:
        with warnings.catch_warnings():
            # A truncated file is only a warning to astropy; here it is an error.
            warnings.simplefilter("error", AstropyWarning)
            with path.open("rb") as file, fits.open(file, memmap=False) as hdus:
                for hdu in hdus:
                    found = _columns(hdu, path) or image_spectrum(hdu, path)
                    if found:
                        return found
                kinds = ", ".join(hdu.name or "primary" for hdu in hdus)
    except (*REASONS, AstropyWarning) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: expected a FITS file, found one that is truncated or foreign "
            f"({reason})",
            hint="Copy it again.",
        ) from error
    raise DataError(
        f"{path}: expected a table with the columns WAVELENGTH (or LOGLAM) and FLUX, "
        f"found {kinds}",
        hint="Other columns: ERROR or IVAR, DQ or MASK, CONTINUUM.",
    )


def _columns(hdu, path: Path) -> dict[str, np.ndarray] | None:
    """The columns of a table with a spectrum; None of any other."""
    names = getattr(getattr(hdu, "columns", None), "names", None)
    if not names or hdu.data is None:
        return None
    upper = {name.upper(): name for name in names}
    found = {}
    for key, choices in COLUMNS.items():
        column = next((upper[c] for c in choices if c in upper), None)
        if column is not None:
            values = np.asarray(hdu.data[column])
            native = values.dtype.newbyteorder("=")
            found[key] = values.astype(native).reshape(-1)
            if key == "wavelength":
                found[key] = _angstrom(found[key], hdu.columns[column], path)
    place = found.get("wavelength", found.get("loglam"))
    if place is None or "flux" not in found:
        return None
    order = np.argsort(place, kind="stable")
    found = {key: values[order] for key, values in found.items()}
    # Segments of a detector meet, and a pixel that both hold must not count twice.
    fresh = np.concatenate([[True], np.diff(place[order]) > 0])
    found = {key: values[fresh] for key, values in found.items()}
    continuum = found.pop("continuum", None)
    if continuum is not None:
        good = np.isfinite(continuum) & (continuum > 0)
        level = np.where(good, continuum, np.nan)
        found["flux"] = found["flux"] / level
        if "error" in found:
            found["error"] = found["error"] / level
        if "ivar" in found:
            found["ivar"] = found["ivar"] * level**2
    return found


def _angstrom(values: np.ndarray, column, path: Path) -> np.ndarray:
    """Wavelengths in the unit that a column says; in angstrom where it says none.

    Raises:
        DataError: If it is no unit of a wavelength, frequency or energy.
    """
    from astropy import units

    # Files write it in many ways that are no standard.
    if not column.unit or column.unit.strip().lower().startswith("angstr"):
        return values
    try:
        unit = units.Unit(column.unit)
        return unit.to(units.AA, values, equivalencies=units.spectral())
    except ValueError as error:
        raise DataError(
            f"{path}: expected a unit of wavelength of the column {column.name}, found "
            f"{column.unit}",
            hint="Write TUNIT as angstrom, nm, um, ...",
        ) from error

"""Spectra in FITS images of one axis, whose header says where the pixels are.

Reference:
    Greisen et al. 2006, A&A 446, 747, for `WAVE`, `AWAV` and `WAVE-LOG`; IRAF's
    `DC-FLAG` for logarithmic steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_astro.errors import DataError


def image_spectrum(hdu, path: Path) -> dict[str, np.ndarray] | None:
    """Flux and wavelengths of an image of one axis; None of anything else.

    Axes of length 1 are left out, as some instruments write them.

    Args:
        hdu: An image HDU of astropy.
        path: What messages call the file.

    Raises:
        DataError: If the header's axis is no wavelength.
    """
    if not getattr(hdu, "is_image", False) or hdu.data is None:
        return None
    flux = np.squeeze(np.asarray(hdu.data, float))
    if flux.ndim != 1 or "CRVAL1" not in hdu.header:
        return None
    return {
        "flux": flux,
        "wavelength": axis_wavelength(hdu.header, len(flux), str(path)),
    }


def axis_wavelength(header: Mapping, pixels: int, name: str) -> np.ndarray:
    """Wavelengths in angstrom of the pixels of a header's first axis.

    Args:
        header: Has CRVAL1 and CDELT1 or CD1_1; CRPIX1, CUNIT1, CTYPE1 and DC-FLAG count
            where they are there. Without a unit, numbers are angstrom.
        pixels: Number of pixels.
        name: What messages call the file.

    Raises:
        DataError: If the step is missing, the unit is no length or the axis is of
            another kind.

    Example:
        >>> axis_wavelength({"CRVAL1": 5000.0, "CDELT1": 0.5}, 3, "a.fits").tolist()
        [5000.0, 5000.5, 5001.0]
    """
    from astropy import units

    step = header.get("CDELT1", header.get("CD1_1"))
    kind = str(header.get("CTYPE1", "")).strip().upper()
    if step is None or kind.split("-")[0] not in ("", "WAVE", "AWAV", "LINEAR"):
        raise DataError(
            f"{name}: expected an axis of wavelengths with CRVAL1 and CDELT1, found "
            f"CTYPE1 = {kind or 'nothing'} and CDELT1 = {step}",
            hint="Write both in angstrom, or save a .npz with flux and "
            "wavelength_angstrom.",
        )
    start = header["CRVAL1"]
    offset = step * (np.arange(pixels) + 1.0 - header.get("CRPIX1", 1.0))
    if header.get("DC-FLAG") == 1:
        place = 10.0 ** (start + offset)
    elif kind.endswith("-LOG"):
        place = start * np.exp(offset / start)
    else:
        place = start + offset
    unit = str(header.get("CUNIT1", "") or "Angstrom").strip()
    try:
        scale = units.Unit(unit).to(units.AA)
    except (ValueError, units.UnitConversionError) as error:
        raise DataError(
            f"{name}: expected CUNIT1 to be a length, found {unit!r}",
            hint="Set CUNIT1 to the wavelengths' unit, such as Angstrom, nm or um.",
        ) from error
    return place * scale

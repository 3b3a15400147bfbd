"""What a FITS cutout says of itself: units, pixels, noise, mask and PSF."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_astro.errors import DataError

# Extensions beside the image, and keywords, each in the order of preference.
IVAR = ("IVAR", "INVVAR")
VARIANCE = ("VAR", "VARIANCE")
ERROR = ("ERR", "ERROR", "SIGMA", "RMS", "UNCERT")
MASK = ("MASK", "DQ", "FLAGS")
PSF = ("PSF",)
COMPANIONS = (*IVAR, *VARIANCE, *ERROR, *MASK, *PSF)

SIGMA_KEYS = ("SKYSIGMA", "SKYRMS", "NOISE")
SKY_KEYS, READ_KEYS = ("SKYLEVEL", "SKY"), ("RDNOISE", "READNOIS")
FWHM_KEYS = ("PSF_FWHM", "PSFFWHM", "SEEING")
SCALE_KEYS, TIME_KEYS = ("PIXSCALE",), ("EXPTIME", "EXPOSURE")
UNITS = {"e-": "electron", "electrons": "electron", "e": "electron", "counts": "adu"}
UNITS |= {"dn": "adu", "count": "adu", "ct": "adu", "photons": "electron"}


def first_of(header: Mapping, keys: tuple[str, ...]) -> float | None:
    """The first of some keywords that holds a number."""
    for key in keys:
        value = header.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def electrons(header: Mapping) -> float:
    """What pixels are multiplied with to be electrons.

    Raises:
        DataError: If the header does not say.
    """
    text = str(header.get("BUNIT") or "").strip().lower()
    name, rate = text, False
    for end in ("/second", "/sec", "/s", " s-1", ".s-1", " s**-1"):
        if text.endswith(end):
            name, rate = text.removesuffix(end).strip(), True
    name, gain = UNITS.get(name, name), first_of(header, ("GAIN", "EGAIN"))
    seconds = first_of(header, TIME_KEYS) if rate else 1.0
    if name not in ("electron", "photon", "adu", ""):
        raise DataError(
            "expected BUNIT = electron, or adu with GAIN in the header, found BUNIT = "
            f"{text!r}",
            hint="Bring the pixels to electrons, then say so: "
            f"{setting('BUNIT', 'electron')}",
        )
    if name in ("adu", "") and not gain:
        raise DataError(
            f"expected GAIN in the header, with BUNIT = {text!r}, found none above 0",
            hint="Set the electrons in a unit of the pixels, 1.0 where they are "
            f"electrons: {setting('GAIN', 1.5)}",
        )
    if not seconds:
        raise DataError(
            f"expected EXPTIME in the header, with BUNIT = {text!r}, found none above "
            "0",
            hint=f"Set it in seconds: {setting('EXPTIME', 60.0)}",
        )
    return seconds * (gain if name in ("adu", "") else 1.0)


def setting(key: str, value: float | str) -> str:
    """How a keyword is written where it is read from.

    Example:
        >>> setting("GAIN", 1.5)[:54]
        "astropy.io.fits.setval('FILE.fits', 'GAIN', value=1.5,"
    """
    # Without ext, astropy writes to the primary, wherever the image is.
    return (
        f"astropy.io.fits.setval('FILE.fits', {key!r}, value={value!r}, ext=0), where "
        "ext is the number of the image's own extension."
    )


def pixel_scale(header: Mapping) -> float:
    """Side of a pixel in arcsec, by the WCS, else by PIXSCALE.

    Raises:
        DataError: If there is neither, or pixels are not square.
    """
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales

    # The third axis of a cube is a number of galaxies.
    wcs = WCS(header, naxis=2).celestial
    if not wcs.has_celestial:
        found = first_of(header, SCALE_KEYS)
        if found is None:
            raise DataError(
                "expected a WCS or PIXSCALE in the header, found neither",
                hint=f"Set it in arcsec: {setting('PIXSCALE', 0.23)}",
            )
        return found
    sides = 3600.0 * proj_plane_pixel_scales(wcs)
    if np.ptp(sides) > 0.01 * sides.mean():
        raise DataError(
            f"expected square pixels, found {sides[0]:.4g} x {sides[1]:.4g} arcsec",
            hint="Resample the image to square pixels first, as the package reproject "
            "does.",
        )
    return float(sides.mean())


def noise_level(header: Mapping, planes: Mapping[str, np.ndarray], unit: float):
    """Standard deviation of the sky in a pixel, in electrons.

    Of a map it is the median outside of the central half, where the galaxy's own
    photons do not count.

    Args:
        header: Of the image.
        planes: Extensions by name, `(y, x)`.
        unit: Electrons in a unit of the image.

    Raises:
        DataError: If nothing says it.
    """
    for names, sigma in (
        (IVAR, lambda v: 1 / np.sqrt(v)),
        (VARIANCE, np.sqrt),
        (ERROR, lambda v: v),
    ):
        name = next((n for n in names if n in planes), None)
        if name:
            sky = _border(planes[name])
            sky = sky[np.isfinite(sky) & (sky > 0)]
            if not len(sky):
                raise DataError(
                    f"expected values above 0 in {name}, found none",
                    hint=f"Correct {name}, or leave it out and set SKYSIGMA in the "
                    "header.",
                )
            return unit * float(np.median(sigma(sky)))
    found = first_of(header, SIGMA_KEYS)
    if found is not None:
        return unit * found
    sky, read = first_of(header, SKY_KEYS), first_of(header, READ_KEYS)
    if sky is not None and read is not None:
        return float(np.sqrt(max(sky * unit, 0.0) + read**2))
    raise DataError(
        "expected the noise: an extension IVAR, VAR or ERR, or a keyword SKYSIGMA, or "
        "SKYLEVEL and RDNOISE; found none",
        hint=f"Set it in the image's unit: {setting('SKYSIGMA', 5.0)}",
    )


def missing(pixels: np.ndarray, planes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Where there is no data: not finite, masked, or of no weight; `(y, x)`."""
    found = ~np.isfinite(pixels)
    for name in MASK:
        if name in planes:
            found |= planes[name] != 0
    for name in (*IVAR, *VARIANCE, *ERROR):
        if name in planes:
            found |= ~np.isfinite(planes[name]) | (planes[name] <= 0)
    return found


def _border(plane: np.ndarray) -> np.ndarray:
    inside = np.zeros(plane.shape, bool)
    y, x = (side // 4 for side in plane.shape)
    inside[y : plane.shape[0] - y, x : plane.shape[1] - x] = True
    return plane[~inside]

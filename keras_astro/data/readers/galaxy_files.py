"""FITS files of one galaxy or of many: cubes, and an extension for each galaxy.

What lies beside an image (its noise, mask and PSF) may be given once for all galaxies
of a file, or once for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from keras_astro.data.readers import galaxy_header as card
from keras_astro.data.readers.fits import read_hdus
from keras_astro.data.readers.moffat import moffat_fwhm
from keras_astro.data.readers.stars import star_image
from keras_astro.errors import DataError


@dataclass
class Cutout:
    """One galaxy, in electrons and arcsec.

    Args:
        image: `(y, x)`; NaN where there is no data.
        psf_image: `(y, x)` of the same size, a star of unit sum at the middle.
        noise_sigma: Of the sky in a pixel.
        psf_fwhm_arcsec: Of the Moffat profile nearest to the PSF.
        psf_misfit: Part of the PSF image that this profile does not explain; 0 where
            only a FWHM is given.
        pixel_scale_arcsec: Side of a pixel.
    """

    image: np.ndarray
    psf_image: np.ndarray
    noise_sigma: float
    psf_fwhm_arcsec: float
    psf_misfit: float
    pixel_scale_arcsec: float


def read_cutouts(file: BinaryIO, name: str) -> list[Cutout | DataError]:
    """Reads the galaxies of a file: of each its cutout, or what is wrong with it.

    The first image and those named like it, a number at the end apart, hold galaxies:
    `(y, x)`, or `(row, y, x)` for one header with many.

    Args:
        file: Opened for reading bytes.
        name: What messages call it.

    Raises:
        DataError: If it is damaged, or holds no galaxy.
    """
    hdus = [(_kind(n), header, pixels) for n, header, pixels in read_hdus(file, name)]
    first = next((kind for kind, *_ in hdus if kind not in card.COMPANIONS), None)
    if first is None:
        raise DataError(
            "expected an image in the FITS file, found none",
            hint="Save the galaxy (y, x) in the primary, or in an extension such as "
            "SCI.",
        )
    images = [(header, pixels) for kind, header, pixels in hdus if kind == first]
    found: list[Cutout | DataError] = []
    for number, (header, pixels) in enumerate(images):
        try:
            planes = _companions(hdus, number, len(images))
            rows = list(_rows(pixels, planes))
        except DataError as error:
            # A fault of a whole cube is one of each galaxy in it.
            fault = _kept(error)
            found += [fault] * (len(pixels) if pixels.ndim == 3 else 1)
            continue
        found += [_cutout_or_fault(header, *row) for row in rows]
    return found


def _kind(name: str) -> str:
    """The name of an extension without the number at its end; none of `PRIMARY`."""
    kind = name.rstrip("0123456789").rstrip("_-. ") or name
    return "" if kind == "PRIMARY" else kind


def _companions(hdus, number: int, images: int) -> dict[str, np.ndarray]:
    """What belongs to an image: what occurs once, or the one in the same place."""
    found = {}
    for kind in {kind for kind, *_ in hdus} & set(card.COMPANIONS):
        planes = [pixels for k, _, pixels in hdus if k == kind]
        if len(planes) not in (1, images):
            raise DataError(
                f"expected one extension {kind}, or one for each of {images} images, "
                f"found {len(planes)}",
                hint=f"Remove the {kind} that belong to no image, or add one behind "
                "each image.",
            )
        found[kind] = planes[number if len(planes) == images else 0]
    return found


def _rows(
    pixels: np.ndarray, planes: Mapping[str, np.ndarray]
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """The galaxies of an image, each with what is its own of the planes."""
    if pixels.ndim == 2:
        yield pixels, dict(planes)
        return
    if pixels.ndim != 3:
        raise DataError(
            f"expected an image (y, x) or a cube (row, y, x), found shape "
            f"{pixels.shape}",
            hint="Give one image for each galaxy, or stack them to a cube with "
            "numpy.stack.",
        )
    for kind, plane in planes.items():
        if plane.ndim == 3 and len(plane) != len(pixels):
            raise DataError(
                f"expected {kind} (y, x), or of {len(pixels)} rows as the cube, found "
                f"shape {plane.shape}",
                hint=f"Give one {kind} for all galaxies, or stack one for each in "
                "their order.",
            )
    for row, image in enumerate(pixels):
        yield image, {k: p[row] if p.ndim == 3 else p for k, p in planes.items()}


def _cutout_or_fault(header, pixels, planes) -> Cutout | DataError:
    try:
        return _cutout(header, pixels, planes)
    except DataError as error:
        return _kept(error)


def _kept(error: DataError) -> DataError:
    """An error without its traceback, which holds the pixels of the whole file."""
    return DataError(str(error), hint=error.hint)


def _cutout(header, pixels, planes) -> Cutout:
    for plane in set(planes) - set(card.PSF):
        if planes[plane].shape != pixels.shape:
            raise DataError(
                f"expected {plane} of the image's {size(pixels.shape)}, found "
                f"{size(planes[plane].shape)}",
                hint=f"Cut {plane} as the image was cut, or leave the extension out.",
            )
    unit, scale = card.electrons(header), card.pixel_scale(header)
    image = np.where(card.missing(pixels, planes), np.nan, pixels * np.float32(unit))
    fwhm, misfit, star = _star(header, planes, scale, pixels.shape)
    return Cutout(
        image=image.astype("float32"),
        psf_image=star,
        noise_sigma=card.noise_level(header, planes, unit),
        psf_fwhm_arcsec=fwhm,
        psf_misfit=misfit,
        pixel_scale_arcsec=scale,
    )


def _star(header, planes, scale: float, shape: tuple[int, int]):
    """FWHM in arcsec, what a Moffat profile does not explain, and the image."""
    if "PSF" in planes:
        star = planes["PSF"]
        fwhm, centre, misfit = moffat_fwhm(star)
        return scale * fwhm, misfit, star_image(fwhm, shape, star, centre)
    fwhm = card.first_of(header, card.FWHM_KEYS)
    if fwhm is None:
        raise DataError(
            "expected the PSF: an extension PSF, or a keyword PSF_FWHM in arcsec; "
            "found none",
            hint=f"Set it, such as: {card.setting('PSF_FWHM', 0.7)}",
        )
    if not fwhm > 0 or not scale > 0:
        raise DataError(
            f"expected a FWHM and pixels above 0 arcsec, found {fwhm:g} and {scale:g}",
            hint="Correct PSF_FWHM, PSFFWHM or SEEING, and PIXSCALE or the WCS.",
        )
    return fwhm, 0.0, star_image(fwhm / scale, shape)


def size(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    return " x ".join(str(side) for side in shape) + " pixels"

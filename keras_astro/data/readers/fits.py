"""FITS cutouts: a folder of files, one file, or one cube."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from keras_astro.data.readers.files import FileSource, fault
from keras_astro.data.readers.images import visible
from keras_astro.data.sample import MemorySource, Sample, Schema
from keras_astro.errors import DataError

if TYPE_CHECKING:
    from astropy.io import fits

SUFFIXES = (".fits", ".fit", ".fits.gz", ".fits.fz")


class FitsFolder(FileSource):
    """FITS cutouts below a folder; the first image HDU of each is a row."""

    kinds = ", ".join(SUFFIXES)

    def __init__(self, path: Path, schema, **options):
        self.path = Path(path)
        names = sorted(
            str(file.relative_to(self.path).as_posix())
            for file in self.path.rglob("*")
            if file.is_file()
        )
        members = [name for name in names if visible(name, SUFFIXES)]
        super().__init__(str(path), schema, members, **options)

    def read_array(self, member):
        return bands_last(read_image(self.path / member, member), member)


def open_fits(path: Path, schema: Schema, **options) -> MemorySource | FitsFolder:
    """Opens one FITS file: a 2-D image is one row, a 3-D cube `(row, y, x)` many.

    Raises:
        DataError: If it is no FITS, holds no image, or has NaN pixels.
    """
    array = read_image(path)
    if array.ndim == 2:
        return _SingleFits(path, schema, **options)
    if array.ndim not in (3, 4):
        raise DataError(
            f"{path}: expected an image (y, x) or a cube (row, y, x), found "
            f"{array.ndim} axes {array.shape}",
            hint="Save the image as the first extension that has data.",
        )
    images = array[..., None] if array.ndim == 3 else np.moveaxis(array, 1, -1)
    wrong = next((w for im in images if (w := fault(im, expected=None))), None)
    if wrong:
        raise DataError(f"{path}: {wrong}", hint="Mask or cut out such pixels first.")
    ids = np.array([f"{path.stem}-{i}" for i in range(len(images))])
    field = schema.inputs[0].name
    return MemorySource(Sample(schema, {field: images}, {}, {"id": ids}, str(path)))


class _SingleFits(FitsFolder):
    def __init__(self, path: Path, schema, **options):
        self.path = Path(path).parent
        FileSource.__init__(self, str(path), schema, [Path(path).name], **options)


def read_image(path: Path, name: str | None = None) -> np.ndarray:
    """The first image of a FITS file, as float32 in native byte order.

    Args:
        path: The file.
        name: What messages call it; the path when None.

    Raises:
        DataError: If the file is no FITS, truncated or holds no image.
    """
    name = name or str(path)
    try:
        # astropy leaves a file open that it cannot understand.
        with path.open("rb") as file:
            return first_image(file, name)
    except OSError as error:
        raise DataError(
            f"{name}: cannot be read ({error.strerror or error})",
            hint="Check that the file exists and may be read.",
        ) from error


def first_image(file: BinaryIO, name: str) -> np.ndarray:
    """The first image of an open FITS file, as float32 in native byte order.

    Args:
        file: Opened for reading bytes.
        name: What messages call it.

    Raises:
        DataError: If it is no FITS, truncated or holds no image.
    """
    found = read_hdus(file, name, first=True)
    if not found:
        raise DataError(
            f"{name}: expected an image in the FITS file, found none",
            hint="Save the image as the first extension that has data.",
        )
    return found[0][2]


def read_hdus(
    file: BinaryIO, name: str, *, first: bool = False
) -> list[tuple[str, fits.Header, np.ndarray]]:
    """Name, header and pixels of the images of an open FITS file.

    Args:
        file: Opened for reading bytes.
        name: What messages call it.
        first: Whether to stop at the first image.

    Returns:
        Pixels are float32 in native byte order.

    Raises:
        DataError: If it is no FITS, or truncated.
    """
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyWarning

    try:
        with warnings.catch_warnings():
            # A truncated file is only a warning to astropy; here it is an error.
            warnings.simplefilter("error", AstropyWarning)
            found = []
            with fits.open(file, memmap=False) as hdus:
                for hdu in hdus:
                    if hdu.is_image and hdu.data is not None:
                        pixels = np.ascontiguousarray(hdu.data, dtype=np.float32)
                        found.append((hdu.name.upper(), hdu.header, pixels))
                        if first:
                            break
            return found
    except (
        OSError,
        ValueError,
        TypeError,
        EOFError,
        KeyError,
        IndexError,
        AttributeError,
        MemoryError,
        OverflowError,
        zlib.error,
        AstropyWarning,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{name}: expected a FITS file, found one that is truncated or foreign "
            f"({reason})",
            hint="Copy it again.",
        ) from error


def bands_last(array: np.ndarray, name: str) -> np.ndarray:
    """FITS axes `(y, x)` or `(band, y, x)` to `(y, x, band)`.

    Raises:
        DataError: If there are other axes.
    """
    if array.ndim == 2:
        return array[..., None]
    if array.ndim == 3 and array.shape[0] <= 8:
        return np.moveaxis(array, 0, -1)
    raise DataError(
        f"{name}: expected axes (y, x) or (band, y, x), found shape {array.shape}",
        hint="Save one image a file, or give a cube of rows as a file of its own.",
    )

"""Cutouts of alert packets: gzipped FITS bytes to pixels, source in the middle."""

from __future__ import annotations

import gzip
import io

import numpy as np
from isal import isal_zlib

from keras_astro.data.alert_schema import SENTINEL
from keras_astro.errors import DataError

BLOCK = 2880
CARD = 80
# The largest cutout of any survey is a fiftieth of that; a bomb is larger.
MOST_BYTES = 16 << 20
AGAIN = "Download the packet again."


def read_cutout(data: bytes) -> tuple[np.ndarray, dict[str, str]]:
    """Pixels and header of the first image of a cutout.

    Simple files, which all surveys send, are read without astropy, bit for bit as
    astropy reads them; others fall back to astropy.

    Args:
        data: A FITS file, gzipped or not.

    Returns:
        `(y, x)` float32 in native byte order, and header cards as text.

    Raises:
        DataError: If it is no image, or damaged.

    Example:
        >>> import io, astropy.io.fits as fits
        >>> file = io.BytesIO()
        >>> fits.PrimaryHDU(np.eye(3, dtype="f4")).writeto(file)
        >>> read_cutout(file.getvalue())[0].tolist()[0]
        [1.0, 0.0, 0.0]
    """
    plain = _gunzip(data) if data[:2] == b"\x1f\x8b" else data
    header, start = _header(plain)
    shape = _plain_image(header)
    if shape is None:
        return _with_astropy(plain), header
    count = shape[0] * shape[1]
    if len(plain) < start + 4 * count:
        raise DataError(
            f"expected {shape[0]} x {shape[1]} pixels of 4 bytes, found "
            f"{len(plain) - start} bytes",
            hint=AGAIN,
        )
    pixels = np.frombuffer(plain, ">f4", count, start)
    return pixels.reshape(shape).astype(np.float32), header


def _gunzip(data: bytes) -> bytes:
    try:
        # Intel's inflate takes half of zlib's time.
        unpack = isal_zlib.decompressobj(31)
        plain = unpack.decompress(data, MOST_BYTES)
        if unpack.unconsumed_tail:
            raise DataError(
                f"expected a cutout, found more than {MOST_BYTES} bytes",
                hint="Cut the stamp smaller: no survey's takes a fiftieth of that.",
            )
        if not unpack.eof:
            raise DataError("expected a gzip file, found one truncated", hint=AGAIN)
        return plain if not unpack.unused_data else gzip.decompress(data)
    except (isal_zlib.error, OSError, EOFError) as error:
        raise DataError(
            f"expected a gzip file, found one damaged ({error})", hint=AGAIN
        ) from error


def _header(plain: bytes) -> tuple[dict[str, str], int]:
    """Cards by keyword, and where the data starts."""
    cards: dict[str, str] = {}
    for start in range(0, min(len(plain), 64 * BLOCK), CARD):
        card = plain[start : start + CARD]
        keyword = card[:8].rstrip()
        if keyword == b"END":
            return cards, (start // BLOCK + 1) * BLOCK
        if card[8:9] == b"=":
            text = card[9:].decode("latin-1")
            cards[keyword.decode("latin-1")] = text.split("/")[0].strip()
    raise DataError(
        "expected a FITS file, found no header with an END",
        hint="Give the bytes of a FITS file, gzipped or not, as surveys send them.",
    )


def _plain_image(header: dict[str, str]) -> tuple[int, int] | None:
    """Shape of an unscaled two-dimensional float32 image, else None."""
    wanted = {"SIMPLE": "T", "BITPIX": "-32", "NAXIS": "2"}
    if any(header.get(k) != v for k, v in wanted.items()):
        return None
    if {"BSCALE", "BZERO", "BLANK"} & set(header):
        return None
    sides = header.get("NAXIS2", ""), header.get("NAXIS1", "")
    if not all(side.isascii() and side.isdigit() and len(side) < 6 for side in sides):
        return None
    return int(sides[0]), int(sides[1])


def _with_astropy(plain: bytes) -> np.ndarray:
    from keras_astro.data.readers.fits import first_image

    array = first_image(io.BytesIO(plain), "cutout")
    if array.ndim != 2:
        raise DataError(
            f"expected an image (y, x), found {array.ndim} axes",
            hint="Save one band a cutout: numpy.squeeze takes out axes of length 1.",
        )
    return array


def centred(
    pixels: np.ndarray, side: int, *, source: tuple[int, int] | None = None
) -> np.ndarray:
    """Moves the source to the middle pixel of a square; NaN where there is no data.

    Args:
        pixels: `(y, x)`.
        side: Side of the square; its middle is pixel `(side - 1) // 2`.
        source: Row and column of the source; the middle of `pixels` when None.

    Returns:
        `(side, side)` float32 with fill values of the pipeline as NaN.

    Raises:
        DataError: If nothing of the cutout would be left.

    Example:
        >>> centred(np.ones((2, 3)), 3, source=(0, 1))[:, 0].tolist()
        [nan, 1.0, 1.0]
    """
    height, width = pixels.shape
    row, column = source or ((height - 1) // 2, (width - 1) // 2)
    middle = (side - 1) // 2
    if (height, width, row, column) == (side, side, middle, middle):
        return _masked(pixels.astype(np.float32))
    out = np.full((side, side), np.nan, np.float32)
    top, left = middle - row, middle - column
    rows = slice(max(top, 0), min(top + height, side))
    columns = slice(max(left, 0), min(left + width, side))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        raise DataError(
            f"expected a source at row {row}, column {column} inside of a cutout of "
            f"{height} x {width} pixels",
            hint="Count rows and columns from 0, or leave the source out for the "
            "middle.",
        )
    out[rows, columns] = pixels[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
    return _masked(out)


def _masked(out: np.ndarray) -> np.ndarray:
    # Comparisons with NaN are false: what is not a plain number becomes NaN. Most
    # cutouts have nothing else, which their extremes show at once.
    if not (out.size and -SENTINEL < out.min() and out.max() < SENTINEL):
        out[~(np.abs(out) < SENTINEL)] = np.nan
    return out

"""JPEG and PNG images in a folder or a zip archive."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from keras_astro.data.readers.files import FileSource
from keras_astro.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png")


def visible(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a path is a wanted file and not an archiver's or editor's own."""
    parts = name.split("/")
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
    return name.lower().endswith(suffixes) and not hidden


class ImageFolder(FileSource):
    """Images below a folder, decoded one by one."""

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
        try:
            content = (self.path / member).read_bytes()
        except OSError as error:
            raise DataError(
                f"{member}: cannot be read ({error.strerror})",
                hint="Check that the file exists and may be read.",
            ) from error
        return decode_image(content, member)


class ImageZip(FileSource):
    """Images in a zip archive, decoded one by one without unpacking."""

    kinds = ", ".join(SUFFIXES)

    def __init__(self, path: Path, schema, **options):
        try:
            self.archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(
                f"{path}: expected a zip archive, found a damaged or foreign file",
                hint="Copy it again; a truncated archive lacks its directory.",
            ) from error
        names = sorted(self.archive.namelist())
        members = [name for name in names if visible(name, SUFFIXES)]
        super().__init__(str(path), schema, members, **options)

    def read_array(self, member):
        try:
            content = self.archive.read(member)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise DataError(
                f"{member}: damaged inside the archive",
                hint="Copy or download the archive again.",
            ) from error
        except RuntimeError as error:
            raise DataError(
                f"{member}: encrypted or packed unusually",
                hint="Pack it anew without a password.",
            ) from error
        return decode_image(content, member)


class ImageFile(ImageFolder):
    """One image file."""

    def __init__(self, path: Path, schema, **options):
        self.path = Path(path).parent
        FileSource.__init__(self, str(path), schema, [Path(path).name], **options)


def decode_image(content: bytes, name: str) -> np.ndarray:
    """Decodes JPEG or PNG bytes to `(y, x, band)` float32 grey levels.

    Raises:
        DataError: If the bytes are truncated, no image or far too large.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.mode not in ("L", "I", "I;16", "F"):
                image = image.convert("RGB" if _coloured(image) else "L")
            array = np.asarray(image, dtype=np.float32)
    except UnidentifiedImageError as error:
        raise DataError(
            f"{name}: not a JPEG or PNG image", hint="Save it as PNG, or leave it out."
        ) from error
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{name}: too many pixels ({error})",
            hint="Crop the image to its object first, or leave it out.",
        ) from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise DataError(
            f"{name}: truncated or damaged image ({error})",
            hint="Copy or download it again.",
        ) from error
    return array[..., None] if array.ndim == 2 else array


def _coloured(image: Image.Image) -> bool:
    rgb = np.asarray(image.convert("RGB"))
    return bool(
        (rgb[..., 0] != rgb[..., 1]).any() or (rgb[..., 1] != rgb[..., 2]).any()
    )

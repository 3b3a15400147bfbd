"""FITS cutouts of galaxies with their pixel scale, noise, mask and PSF: a row a file.

A file that cannot be used keeps its row, with NaN in place of data and the reason in
`meta["fault"]`: a catalogue has a row for each object that was asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_astro.data.readers import galaxy_header as card
from keras_astro.data.readers.files import OnBad
from keras_astro.data.readers.fits import SUFFIXES, read_hdus
from keras_astro.data.readers.images import visible
from keras_astro.data.readers.moffat import moffat_fwhm
from keras_astro.data.sample import Sample, Schema, Source
from keras_astro.errors import DataError


@dataclass
class Cutout:
    """One file, in electrons and arcsec.

    Args:
        image: `(y, x)`; NaN where there is no data.
        noise_sigma: Of the sky in a pixel.
        psf_fwhm_arcsec: Of the Moffat profile nearest to the PSF.
        psf_misfit: Part of the PSF image that this profile does not explain; 0 where
            only a FWHM is given.
        pixel_scale_arcsec: Side of a pixel.
    """

    image: np.ndarray
    noise_sigma: float
    psf_fwhm_arcsec: float
    psf_misfit: float
    pixel_scale_arcsec: float


NUMBERS = ("noise_sigma", "psf_fwhm_arcsec", "psf_misfit", "pixel_scale_arcsec")


def read_cutout(file: BinaryIO, name: str) -> Cutout:
    """Reads a file with one galaxy.

    Args:
        file: Opened for reading bytes.
        name: What messages call it.

    Raises:
        DataError: If it is damaged, or does not say all that is needed.
    """
    hdus = read_hdus(file, name)
    planes = {n: p for n, _, p in hdus if n in card.COMPANIONS}
    images = [(h, p) for n, h, p in hdus if n not in card.COMPANIONS]
    if not images:
        raise DataError("expected an image in the FITS file, found none")
    header, pixels = images[0]
    if pixels.ndim != 2:
        raise DataError(f"expected one image (y, x), found shape {pixels.shape}")
    for plane in set(planes) - set(card.PSF):
        if planes[plane].shape != pixels.shape:
            raise DataError(
                f"expected {plane} of the image's {_size(pixels.shape)}, found "
                f"{_size(planes[plane].shape)}"
            )
    unit, scale = card.electrons(header), card.pixel_scale(header)
    image = np.where(card.missing(pixels, planes), np.nan, pixels * np.float32(unit))
    fwhm, misfit = _star(header, planes, scale)
    return Cutout(
        image=image.astype("float32"),
        noise_sigma=card.noise_level(header, planes, unit),
        psf_fwhm_arcsec=fwhm,
        psf_misfit=misfit,
        pixel_scale_arcsec=scale,
    )


def _star(header, planes, scale: float) -> tuple[float, float]:
    if "PSF" in planes:
        fwhm, _, misfit = moffat_fwhm(planes["PSF"])
        return scale * fwhm, misfit
    fwhm = card.first_of(header, card.FWHM_KEYS)
    if fwhm is None:
        raise DataError(
            "expected the PSF: an extension PSF, or a keyword PSF_FWHM in arcsec; "
            "found none"
        )
    return fwhm, 0.0


class GalaxyCutouts(Source):
    """FITS files of one galaxy each.

    The size of most files is that of the rows. Larger ones are cut to it around their
    middle, where that stays in place.

    Args:
        name: What to call the whole in messages.
        schema: Of galaxies.
        files: Path of each row by its id.
        on_bad: Whether a file that cannot be used is an error, or a row without data.
        progress: Called with done and total while files are checked.

    Raises:
        DataError: If there is no file, none is an image, or one is at fault and
            `on_bad` is `raise`.
    """

    def __init__(
        self,
        name: str,
        schema: Schema,
        files: dict[str, Path],
        *,
        on_bad: OnBad = "raise",
        progress: Callable[[int, int], None] | None = None,
    ):
        self.name, self.schema, self.files = name, schema, files
        self.ids = np.array(list(files), str)
        found: list[Cutout | str] = []
        shapes: Counter = Counter()
        for i in range(len(files)):
            cutout = self._read(i)
            if isinstance(cutout, Cutout):
                shapes[cutout.image.shape] += 1
            found.append(cutout if isinstance(cutout, str) else "")
            if progress:
                progress(i + 1, len(files))
        self.shape = shapes.most_common(1)[0][0] if shapes else (0, 0)
        if not shapes:
            raise DataError(
                f"{name}: none of {len(files)} files can be used; the first, "
                f"{self.ids[0]}: {found[0]}",
                hint="docs/galaxies.md names the keywords and extensions that are "
                "read.",
            )
        if on_bad == "raise":
            self._refuse_faults()

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: Sequence[int] | np.ndarray) -> Sample:
        indices = np.asarray(indices, int)
        images = np.full((len(indices), *self.shape), np.nan, "float32")
        columns = {k: np.full(len(indices), np.nan, "float32") for k in NUMBERS}
        faults = []
        for row, index in enumerate(indices):
            cutout = self._read(index)
            fault = cutout if isinstance(cutout, str) else self._wrong_size(cutout)
            faults.append(fault)
            if not fault:
                y, x = (
                    (a - b) // 2
                    for a, b in zip(cutout.image.shape, self.shape, strict=True)
                )
                images[row] = cutout.image[y : y + self.shape[0], x : x + self.shape[1]]
                for k in NUMBERS:
                    columns[k][row] = getattr(cutout, k)
        meta = {
            "id": self.ids[indices],
            "group": self.ids[indices],
            "fault": np.array(faults, str),
            "pixel_scale_arcsec": columns.pop("pixel_scale_arcsec"),
        }
        inputs = {"image": images[..., None], **columns}
        return Sample(self.schema, inputs, {}, meta, self.name)

    def facts(self):
        return {
            "id": self.ids,
            "group": self.ids,
            "is_anomaly": np.zeros(len(self), "uint8"),
        }

    def _read(self, index: int) -> Cutout | str:
        """The cutout, or what is wrong with it."""
        name = self.ids[index]
        try:
            with self.files[name].open("rb") as file:
                return read_cutout(file, name)
        except DataError as error:
            return str(error).removeprefix(f"{name}: ")
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"

    def _wrong_size(self, cutout: Cutout) -> str:
        more = np.subtract(cutout.image.shape, self.shape)
        if np.all(more >= 0) and not np.any(more % 2):
            return ""
        return f"expected {_size(self.shape)}, found {_size(cutout.image.shape)}"

    def _refuse_faults(self) -> None:
        for start in range(0, len(self), 256):
            meta = self.read(start, start + 256).meta
            bad = np.flatnonzero(meta["fault"] != "")
            if len(bad):
                raise DataError(
                    f"{self.name}: {meta['id'][bad[0]]}: {meta['fault'][bad[0]]}",
                    hint="Remove or repair the file, or use --on-bad quarantine.",
                )


def open_cutouts(path: Path, schema: Schema, **options) -> GalaxyCutouts:
    """Opens a FITS file of a galaxy, or all below a folder."""
    if path.is_file():
        return GalaxyCutouts(str(path), schema, {path.name: path}, **options)
    names = sorted(
        f.relative_to(path).as_posix() for f in path.rglob("*") if f.is_file()
    )
    files = {name: path / name for name in names if visible(name, SUFFIXES)}
    return GalaxyCutouts(str(path), schema, files, **options)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape) + " pixels"

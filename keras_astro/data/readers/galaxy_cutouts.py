"""FITS cutouts of galaxies with their pixel scale, noise, mask and PSF.

A galaxy or a file that cannot be used keeps its row, with NaN in place of data and the
reason in `meta["fault"]`: a catalogue has a row for each object that was asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_astro.data.readers.files import ASIDE, OnBad
from keras_astro.data.readers.fits import SUFFIXES
from keras_astro.data.readers.galaxy_files import Cutout, read_cutouts, size
from keras_astro.data.readers.images import visible
from keras_astro.data.sample import Sample, Schema, Source
from keras_astro.errors import DataError

NUMBERS = ("noise_sigma", "psf_fwhm_arcsec", "psf_misfit", "pixel_scale_arcsec")


class Row(NamedTuple):
    """Where a galaxy is: its file by name, and its place among those of the file."""

    file: str
    place: int


class GalaxyCutouts(Source):
    """FITS files of galaxies, see `read_cutouts`.

    The id of a row is the name of its file; of several in a file, the name without
    suffix and a number. The size of most is that of the rows. Larger ones are cut to it
    around their middle, where that stays in place.

    Args:
        name: What to call the whole in messages.
        schema: Of galaxies.
        files: Paths by name.
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
        self.rows: list[Row] = []
        self._latest: tuple[str, list[Cutout | DataError]] = ("", [])
        ids, shapes = [], Counter()
        fault: DataError | None = None
        for i, file in enumerate(files):
            cutouts = self._read(file)
            self.rows += [Row(file, place) for place in range(len(cutouts))]
            ids += _ids(file, len(cutouts))
            shapes.update(c.image.shape for c in cutouts if isinstance(c, Cutout))
            fault = fault or next(
                (c for c in cutouts if isinstance(c, DataError)), None
            )
            if progress:
                progress(i + 1, len(files))
        self.ids = np.array(ids, str)
        self.shape = shapes.most_common(1)[0][0] if shapes else (0, 0)
        if not shapes:
            raise DataError(
                f"{name}: none of {len(files)} files can be used; the first, "
                f"{next(iter(files), '')}: {fault or 'no image'}",
                hint=fault.hint
                if fault
                else "Give a FITS file, or a folder of FITS files.",
            )
        if on_bad == "raise":
            self._refuse_faults()

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: Sequence[int] | np.ndarray) -> Sample:
        indices = np.asarray(indices, int)
        images, stars = np.full((2, len(indices), *self.shape), np.nan, "float32")
        columns = {k: np.full(len(indices), np.nan, "float32") for k in NUMBERS}
        faults = []
        for row, index in enumerate(indices):
            file, place = self.rows[index]
            cutout = self._read(file)[place]
            fault = (
                str(cutout)
                if isinstance(cutout, DataError)
                else self._wrong_size(cutout)
            )
            faults.append(fault)
            if not fault:
                y, x = (
                    (a - b) // 2
                    for a, b in zip(cutout.image.shape, self.shape, strict=True)
                )
                middle = slice(y, y + self.shape[0]), slice(x, x + self.shape[1])
                images[row], stars[row] = cutout.image[middle], cutout.psf_image[middle]
                for k in NUMBERS:
                    columns[k][row] = getattr(cutout, k)
        meta = {
            "id": self.ids[indices],
            "group": self.ids[indices],
            "fault": np.array(faults, str),
            "pixel_scale_arcsec": columns.pop("pixel_scale_arcsec"),
        }
        inputs = {"image": images[..., None], "psf_image": stars[..., None], **columns}
        return Sample(self.schema, inputs, {}, meta, self.name)

    def facts(self):
        return {
            "id": self.ids,
            "group": self.ids,
            "is_anomaly": np.zeros(len(self), "uint8"),
        }

    def _read(self, file: str) -> list[Cutout | DataError]:
        """The galaxies of a file, or what is wrong with it."""
        # Rows are asked for in order: a cube is not read again for each of them.
        if self._latest[0] != file:
            self._latest = file, self._read_again(file)
        return self._latest[1]

    def _read_again(self, file: str) -> list[Cutout | DataError]:
        try:
            with self.files[file].open("rb") as opened:
                return read_cutouts(opened, file)
        except DataError as error:
            return [DataError(str(error).removeprefix(f"{file}: "), hint=error.hint)]
        except OSError as error:
            return [
                DataError(
                    f"cannot be read ({error.strerror or error})",
                    hint="Check that the file exists and may be read.",
                )
            ]

    def _wrong_size(self, cutout: Cutout) -> str:
        more = np.subtract(cutout.image.shape, self.shape)
        if np.all(more >= 0) and not np.any(more % 2):
            return ""
        return f"expected {size(self.shape)}, found {size(cutout.image.shape)}"

    def _refuse_faults(self) -> None:
        for start in range(0, len(self), 256):
            meta = self.read(start, start + 256).meta
            bad = np.flatnonzero(meta["fault"] != "")
            if len(bad):
                file, place = self.rows[start + bad[0]]
                fault = self._read(file)[place]
                mend = "Cut all galaxies to one size."
                if isinstance(fault, DataError):
                    mend = fault.hint or "Repair it."
                raise DataError(
                    f"{self.name}: {meta['id'][bad[0]]}: {meta['fault'][bad[0]]}",
                    hint=f"{mend} {ASIDE}",
                )


def _ids(file: str, rows: int) -> list[str]:
    if rows == 1:
        return [file]
    suffix = next((s for s in SUFFIXES if file.lower().endswith(s)), "")
    stem = file[: len(file) - len(suffix)]
    return [f"{stem}-{place}" for place in range(rows)]


def open_cutouts(path: Path, schema: Schema, **options) -> GalaxyCutouts:
    """Opens a FITS file of galaxies, or all below a folder."""
    if path.is_file():
        return GalaxyCutouts(str(path), schema, {path.name: path}, **options)
    names = sorted(
        f.relative_to(path).as_posix() for f in path.rglob("*") if f.is_file()
    )
    files = {name: path / name for name in names if visible(name, SUFFIXES)}
    return GalaxyCutouts(str(path), schema, files, **options)

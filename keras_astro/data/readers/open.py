"""Chooses the reader by a file's content first and by its suffix second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from keras_astro.data.readers.arrays import from_arrays, open_h5, open_npz
from keras_astro.data.readers.files import OnBad
from keras_astro.data.readers.fits import SUFFIXES as FITS_SUFFIXES
from keras_astro.data.readers.fits import FitsFolder, open_fits
from keras_astro.data.readers.galaxy_cutouts import open_cutouts
from keras_astro.data.readers.images import (
    SUFFIXES,
    ImageFile,
    ImageFolder,
    ImageZip,
    visible,
)
from keras_astro.data.readers.shards import expand
from keras_astro.data.readers.spectra import open_spectra, spectra_sample
from keras_astro.data.readers.tfrecord import NAME, open_tfrecord
from keras_astro.data.sample import (
    GROUPS,
    Sample,
    Schema,
    Source,
    check_same_axes,
    concatenate,
)
from keras_astro.errors import DataError

HDF5_SUFFIXES = (".h5", ".hdf5")
NUMPY_SUFFIXES = (".npz", ".npy")


def open_source(
    path: str | Path,
    schema: Schema,
    *,
    on_bad: OnBad = "raise",
    progress: Callable[[int, int], None] | None = None,
) -> Source:
    """Opens a store, TFRecord, images, FITS cutouts, or NumPy arrays.

    Args:
        path: File or folder.
        schema: What the task expects.
        on_bad: Whether an unreadable file of a folder is an error, or set aside with
            its reason in `source.quarantined`.
        progress: Called with done and total while files are checked.

    Raises:
        DataError: If the path is absent, empty, damaged or of no known format.
    """
    path = Path(path)
    options = {"on_bad": on_bad, "progress": progress}
    if not path.exists():
        raise DataError(
            f"{path}: no such file or folder",
            hint="Check the path.",
        )
    if path.is_file() and not path.stat().st_size:
        raise DataError(
            f"{path}: expected data, found an empty file",
            hint="Copy or download it again.",
        )
    if path.is_file() and NAME.search(path.name):
        return open_tfrecord(path, schema, _named_arrays(schema))
    if schema.inputs[0].axes == ("pixel",):
        return open_spectra(path, schema, **options)
    if schema.inputs[0].axes[-1:] == ("channel",):
        # Alerts need a library of their own, which other cases do without.
        from keras_astro.data.readers.alerts import open_alerts

        return open_alerts(path, schema, **options)
    if "psf_fwhm_arcsec" in schema.group("inputs") and _has_fits(path):
        return open_cutouts(path, schema, **options)
    if path.is_dir():
        folder = FitsFolder if _has_fits(path) else ImageFolder
        return folder(path, schema, **options)
    name = path.name.lower()
    if name.endswith(HDF5_SUFFIXES):
        return open_h5(path, schema)
    if name.endswith(NUMPY_SUFFIXES):
        return open_npz(path, schema)
    if name.endswith(".zip"):
        return ImageZip(path, schema, **options)
    if name.endswith(FITS_SUFFIXES):
        return open_fits(path, schema, **options)
    if name.endswith(SUFFIXES):
        return ImageFile(path, schema, **options)
    raise DataError(
        f"{path}: expected .h5, .npz, .zip, .fits, .jpg, .png or a folder of images, "
        f"found a file of unknown suffix {path.suffix!r}",
        hint="A pickle of arrays is read by: kastro data convert FILE -o STORE "
        "--from-pickle"
        if name.endswith((".pkl", ".pickle"))
        else "Save it in one of these formats, e.g. arrays with numpy.savez.",
    )


def _named_arrays(schema: Schema) -> Callable:
    """What makes rows of a schema of named arrays."""
    axes = schema.inputs[0].axes
    if axes == ("pixel",):
        return spectra_sample
    if axes[-1:] == ("channel",):
        from keras_astro.data.readers.alerts import from_stamps

        return from_stamps
    return from_arrays


def _has_fits(path: Path) -> bool:
    """Whether a path is a FITS file that is not empty, or a folder with some."""
    if path.is_file():
        return path.name.lower().endswith(FITS_SUFFIXES) and path.stat().st_size > 0
    files = (file for file in path.rglob("*") if file.is_file())
    names = (file.relative_to(path).as_posix() for file in files)
    return any(visible(name, FITS_SUFFIXES) for name in names)


class Joined(Source):
    """Several sources, one after the other, with the fields that all of them have.

    Raises:
        DataError: If a field has another shape in one of them.
    """

    def __init__(self, sources: Sequence[Source]):
        self.sources = list(sources)
        self.schema = sources[0].schema
        self.name = ", ".join(source.name for source in sources)
        self.ends = np.cumsum([len(source) for source in sources])
        self.quarantined = [
            bad for source in sources for bad in getattr(source, "quarantined", [])
        ]
        heads = [source.take([0]) for source in sources]
        for head in heads[1:]:
            check_same_axes(heads[0], head)
        self._shapes = self._shared(heads)

    def __len__(self) -> int:
        return int(self.ends[-1])

    @property
    def preparation(self):
        """See `Source`; empty where the sources were prepared in several ways."""
        first, *others = (source.preparation for source in self.sources)
        return first if all(other == first for other in others) else []

    def take(self, indices):
        indices = np.asarray(indices, int)
        owner = np.searchsorted(self.ends, indices, side="right")
        samples: list[Sample] = []
        positions = []
        for number in np.unique(owner):
            mine = np.flatnonzero(owner == number)
            start = self.ends[number] - len(self.sources[number])
            samples.append(self.sources[number].take(indices[mine] - start))
            positions.append(mine)
        if not samples:
            return self._pruned(self.sources[0].take([]))
        joined = concatenate([self._pruned(sample) for sample in samples])
        return joined.take(np.argsort(np.concatenate(positions)))

    def _shared(self, heads: Sequence[Sample]) -> dict[tuple[str, str], tuple]:
        shapes = [
            {(g, k): v.shape[1:] for g in GROUPS for k, v in getattr(head, g).items()}
            for head in heads
        ]
        shared = {k: v for k, v in shapes[0].items() if all(k in s for s in shapes)}
        for (group, name), shape in shared.items():
            for source, other in zip(self.sources, shapes, strict=True):
                if other[group, name] != shape:
                    raise DataError(
                        f"{source.name}: expected {group}/{name} of shape {shape} as "
                        f"in {self.sources[0].name}, found {other[group, name]}",
                        hint="Give data of different sizes one by one.",
                    )
        return shared

    def _pruned(self, sample: Sample) -> Sample:
        groups = {
            g: {k: v for k, v in getattr(sample, g).items() if (g, k) in self._shapes}
            for g in GROUPS
        }
        return Sample(sample.schema, name=self.name, axes=sample.axes, **groups)

    def facts(self):
        parts = [source.facts() for source in self.sources]
        return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


def open_many(paths: Sequence[str | Path], schema: Schema, **options) -> Source:
    """Opens several paths as one source; options as for `open_source`.

    A pattern or a folder of shards stands for its files, see `expand`.

    Raises:
        DataError: If no path is given, or one of them cannot be opened.
    """
    if not paths:
        raise DataError(
            "expected at least one data file or folder, received none",
            hint="Name one with --data.",
        )
    files = [file for path in paths for file in expand(path)]
    sources = [open_source(file, schema, **options) for file in files]
    return sources[0] if len(sources) == 1 else Joined(sources)

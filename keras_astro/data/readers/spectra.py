"""Spectra in HDF5, NumPy archives and FITS tables: one grid, many rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from keras_astro.data.readers.arrays import (
    ID_NAMES,
    as_text,
    first_of,
    groups_of,
    load_npz,
)
from keras_astro.data.readers.named_spectra import stacked_vectors
from keras_astro.data.readers.spectrum_rows import (
    FLUX,
    LOG_WAVELENGTH,
    WAVELENGTH,
    flux_name,
    spectra_sample,
)
from keras_astro.data.readers.spectrum_tables import read_fits_spectrum
from keras_astro.data.readers.specutils import read_file
from keras_astro.data.sample import MemorySource, Sample, Schema, Source
from keras_astro.data.store import StoreSource, open_hdf5, reading
from keras_astro.errors import DataError

FITS_SUFFIXES = (".fits", ".fit", ".fits.gz")
GRIDS = (*WAVELENGTH, *LOG_WAVELENGTH)


def open_spectra(
    path: Path,
    schema: Schema,
    *,
    on_bad: str = "raise",
    progress: Callable[[int, int], None] | None = None,
) -> Source:
    """Opens spectra whatever they are stored in.

    Args:
        path: A store, HDF5 or `.npz` with a flux of `(row, pixel)`, a FITS table, a
            folder of FITS tables on one grid, or what specutils reads, if installed.
        schema: What the task expects.
        on_bad: Whether an unreadable file of a folder is an error, or set aside with
            its reason in `source.quarantined`.
        progress: Called with done and total while files are read.

    Raises:
        DataError: If the file is damaged, of no known format, or lacks flux or
            wavelengths.
    """
    name = path.name.lower()
    if path.is_dir() or name.endswith(FITS_SUFFIXES):
        return _open_fits(path, schema, on_bad, progress)
    if name.endswith((".h5", ".hdf5")):
        with open_hdf5(path) as file, reading(path):
            is_store = "task" in file.attrs or "inputs" in file
        return StoreSource(path, schema) if is_store else Hdf5Spectra(path, schema)
    if name.endswith((".npz", ".npy")):
        arrays = stacked_vectors(
            load_npz(path, schema), known=FLUX, grid=(*WAVELENGTH, *LOG_WAVELENGTH)
        )
        return MemorySource(spectra_sample(arrays, schema, str(path)))
    sample = read_file(path, schema)
    if sample is None:
        raise DataError(
            f"{path}: expected .h5, .npz, .fits or a folder of FITS tables, found a "
            f"file of suffix {path.suffix!r}",
            hint="Where specutils is installed, its formats are read as well.",
        )
    return MemorySource(sample)


class Hdf5Spectra(Source):
    """Spectra of an HDF5 file that is no store, read when asked for.

    Args:
        path: The file; the challenge's layout is one dataset `spectra`.
        schema: What the task expects.

    Raises:
        DataError: If the file is damaged, or lacks flux or wavelengths.
    """

    def __init__(self, path: Path, schema: Schema):
        self.path, self.schema, self.name = path, schema, str(path)
        self._file = open_hdf5(path)
        with reading(path):
            self._data = {
                key: item
                for key, item in self._file.items()
                if isinstance(item, h5py.Dataset) and item.ndim
            }
        self._flux = flux_name(self._data, self.name)
        rows = len(self._data[self._flux])
        # Everything that is not a row of something is read at once: grids, mainly.
        self._shared = {
            key: item[:]
            for key, item in self._data.items()
            if len(item) != rows or (item.ndim == 1 and key in GRIDS)
        }
        spectra_sample(self._rows(slice(0, 1)), schema, self.name)

    def __len__(self) -> int:
        return len(self._data[self._flux])

    def take(self, indices):
        order, inverse = np.unique(np.asarray(indices, int), return_inverse=True)
        with reading(self.path):
            arrays = self._rows(order)
        sample = spectra_sample(arrays, self.schema, self.name, first=order)
        return sample.take(inverse)

    def facts(self):
        identity = first_of(self._data, ID_NAMES)
        ids = as_text(self._data[identity][:] if identity else np.arange(len(self)))
        groups = {"group": ids}
        if "group" in self._data:
            groups = groups_of({"group": self._data["group"][:]})
        return {"id": ids, **groups, "is_anomaly": np.zeros(len(self), "uint8")}

    def _rows(self, rows) -> dict[str, np.ndarray]:
        return self._shared | {
            key: item[rows]
            for key, item in self._data.items()
            if key not in self._shared
        }


def _open_fits(path: Path, schema: Schema, on_bad, progress) -> MemorySource:
    """One FITS table, or the tables of a folder, as rows on one grid."""
    files = [path]
    if path.is_dir():
        files = sorted(
            file
            for file in path.rglob("*")
            if file.name.lower().endswith(FITS_SUFFIXES) and file.name[0] != "."
        )
    if not files:
        raise DataError(
            f"{path}: expected FITS tables of spectra, found none",
            hint="Give a folder with .fits files, or an .h5 or .npz file.",
        )
    rows, quarantined = [], []
    for number, file in enumerate(files):
        try:
            rows.append(_one_row(file, schema, rows[0] if rows else None))
        except DataError as error:
            if on_bad == "raise" or len(files) == 1:
                raise
            quarantined.append((file.name, str(error)))
        if progress:
            progress(number + 1, len(files))
    if not rows:
        raise DataError(
            f"{path}: none of {len(files)} files holds a spectrum",
            hint="Check one of them with: kastro data describe FILE",
        )
    source = MemorySource(_stacked(rows, schema, str(path)))
    source.quarantined = quarantined
    return source


def _one_row(file: Path, schema: Schema, before: Sample | None) -> Sample:
    sample = _fits_row(file, schema)
    if before is not None:
        ours, others = (s.axes["wavelength_angstrom"] for s in (sample, before))
        if ours.shape != others.shape or not np.allclose(ours, others, rtol=1e-7):
            raise DataError(
                f"{file}: expected the grid of the other files, {len(others)} pixels "
                f"from {others[0]:.2f} to {others[-1]:.2f} angstrom, found {len(ours)} "
                f"from {ours[0]:.2f} to {ours[-1]:.2f}",
                hint="Bring all spectra to one grid first; nothing is resampled here.",
            )
    return sample


def _fits_row(file: Path, schema: Schema) -> Sample:
    """A FITS file of a known layout, or of one that specutils knows, if installed."""
    try:
        arrays = read_fits_spectrum(file)
    except DataError:
        sample = read_file(file, schema)
        if sample is None:
            raise
        return sample
    return spectra_sample(arrays | {"id": np.array([file.stem])}, schema, str(file))


def _stacked(rows: list[Sample], schema: Schema, name: str) -> Sample:
    """Rows as one sample; errors are only kept where all rows have them."""
    inputs = {"flux": np.concatenate([row.inputs["flux"] for row in rows])}
    if all("ivar" in row.inputs for row in rows):
        inputs["ivar"] = np.concatenate([row.inputs["ivar"] for row in rows])
    empty = np.zeros_like(rows[0].inputs["flux"], "uint8")
    mask = np.concatenate([row.inputs.get("mask", empty) for row in rows])
    if mask.any():
        inputs["mask"] = mask
    ids = np.concatenate([row.meta["id"] for row in rows])
    return Sample(schema, inputs, {}, {"id": ids}, name, rows[0].axes)

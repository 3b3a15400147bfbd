"""One data set in several files: patterns and folders of shards."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from keras_astro.errors import DataError

# With the suffix that TensorFlow Datasets gives to a shard, e.g. -00000-of-00010.
SHARD = re.compile(
    r"\.(?:(?P<hdf5>h5|hdf5)|(?P<npz>npz)|(?P<zip>zip)|(?P<tfrecord>tfrecords?))"
    r"(-\d+-of-\d+)?$",
    re.IGNORECASE,
)


def expand(path: str | Path) -> list[Path]:
    """The files that a path stands for, in the order of their numbers.

    A pattern, such as `part-*.h5` in quotes, stands for what it matches. A folder of
    nothing but HDF5, `.npz`, zip or TFRecord files stands for these. All else, such as
    a folder of images, is one data set and stands for itself.

    Raises:
        DataError: If nothing matches a pattern.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("part-10.h5", "part-9.h5"):
        ...     (folder / name).touch()
        >>> [path.name for path in expand(folder)]
        ['part-9.h5', 'part-10.h5']
    """
    path = Path(path)
    if path.is_dir():
        files = [f for f in path.iterdir() if not f.name.startswith(".")]
        kinds = {_kind(file) for file in files}
        return sorted(files, key=_order) if len(kinds) == 1 and all(kinds) else [path]
    if path.exists() or not glob.has_magic(str(path)):
        return [path]
    found = sorted(map(Path, glob.glob(str(path), recursive=True)), key=_order)
    if not found:
        raise DataError(
            f"{path}: no file matches this pattern",
            hint="Check the pattern, and put it in quotes.",
        )
    return found


def _kind(path: Path) -> str:
    match = SHARD.search(path.name) if path.is_file() else None
    return next((k for k, v in match.groupdict().items() if v), "") if match else ""


def _order(path: Path) -> list:
    parts = re.split(r"(\d+)", str(path))
    return [(int(p), "") if p.isdigit() else (-1, p) for p in parts]

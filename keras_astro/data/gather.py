"""Blocks of rows as one array: in memory, or beyond a limit in a file."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterable

import numpy as np

from keras_astro.data.cache import cache_folder
from keras_astro.data.sample import Source, Subset
from keras_astro.errors import ConfigError, DataError


def gather(blocks: Iterable[np.ndarray], rows: int, *, limit_mb: float) -> np.ndarray:
    """Joins blocks without ever holding them twice.

    Beyond the limit the rows are written into a file of the cache folder (which the
    variable KASTRO_CACHE names) that has no name, so that it is gone with the process,
    however that ends. What is trained on it has the numbers of an array in memory.

    Args:
        blocks: Arrays `(row, ...)` of one shape but for the rows.
        rows: Of all blocks together, at least one.
        limit_mb: What an array in memory may take, in 10**6 bytes.

    Returns:
        `(rows, ...)`: an array, or a memory map beyond the limit.

    Raises:
        DataError: If the disk has no room for the file.

    Example:
        >>> blocks = np.zeros((3, 2)), np.ones((1, 2))
        >>> gather(blocks, 4, limit_mb=1).shape, type(gather(blocks, 4, limit_mb=0))
        ((4, 2), <class 'numpy.memmap'>)
    """
    found, done = None, 0
    for block in blocks:
        if found is None:
            found = _room((rows, *block.shape[1:]), block.dtype, limit_mb)
        found[done : done + len(block)] = block
        release(found)
        done += len(block)
    if found is None or done != rows:
        raise ValueError(f"expected {rows} rows, found {done}")
    return found


def release(array: np.ndarray) -> None:
    """Lets go of the pages of a memory map; they stay in the file, and in its cache."""
    pages = getattr(array, "_mmap", None)
    if pages is not None and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)


def check_held(rows: int, row_bytes: float, *, limit_mb: float, task: str) -> None:
    """Refuses rows that a case can only hold in memory and that exceed the limit.

    Args:
        rows: How many.
        row_bytes: Bytes of each, as the case holds it.
        limit_mb: In 10**6 bytes.
        task: Name of the case.

    Raises:
        ConfigError: If they exceed it.
    """
    needed = rows * row_bytes / 1e6
    if needed > limit_mb:
        raise ConfigError(
            f"{task} holds its training rows in memory: {rows} rows of "
            f"{row_bytes / 1e3:.3g} kB are {needed:.0f} MB, more than "
            f"data.memory_limit_mb = {limit_mb:g}",
            hint=f"Where the memory suffices, --set data.memory_limit_mb="
            f"{int(needed) + 1}; else give fewer rows.",
        )


def spread(source: Source, most: int) -> Source:
    """The rows of a source, or that many of them at even distances.

    Example:
        >>> from keras_astro.data.sample import MemorySource, Sample
        >>> from keras_astro.data.schemas import LENSING
        >>> rows = Sample(LENSING, {"image": np.zeros((9, 2, 2, 1))})
        >>> spread(MemorySource(rows), 3).read().meta["id"].tolist()
        ['0', '4', '8']
    """
    if len(source) <= most:
        return source
    return Subset(source, np.linspace(0, len(source) - 1, most).astype(int))


def _room(shape: tuple[int, ...], dtype: np.dtype, limit_mb: float) -> np.ndarray:
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size <= limit_mb * 1e6:
        return np.empty(shape, dtype)
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise DataError(
            f"{folder}: {size / 1e6:.0f} MB of features do not fit ({error.strerror})",
            hint="Free disk space, name another folder in KASTRO_CACHE, or raise "
            "data.memory_limit_mb where the memory suffices.",
        ) from error

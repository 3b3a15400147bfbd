"""Rows of HDF5 files that exceed the memory, shuffled block by block."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from keras_astro.data.store import open_hdf5
from keras_astro.errors import DataError
from keras_astro.tasks.base import Arrays, Stream

BLOCK_ROWS = 256
BLOCKS_AT_ONCE = 16


class BlockReader:
    """Reads consecutive rows together and shuffles what is in memory.

    Every epoch takes the blocks of all files in another order, `blocks_at_once` at a
    time, and shuffles the rows of these. Batch i of epoch e is a function of seed, e
    and i, so that a resumed run agrees.

    Args:
        paths: HDF5 files, the shards of one data set.
        inputs: Path in the files of the input array, `(row, ...)`.
        targets: The same of the targets; the inputs when None.
        seed: Of the order.
        block_rows: Rows read together; best a multiple of the files' chunks.
        blocks_at_once: Blocks in memory.

    Raises:
        DataError: If a file is absent, or lacks an array.
    """

    def __init__(
        self,
        paths: Sequence[Path | str],
        inputs: str,
        targets: str | None = None,
        *,
        seed: int = 0,
        block_rows: int = BLOCK_ROWS,
        blocks_at_once: int = BLOCKS_AT_ONCE,
    ):
        self.names = [inputs] if targets is None else [inputs, targets]
        self.files = [_arrays(Path(path), self.names) for path in paths]
        self.seed = seed
        self.blocks_at_once = blocks_at_once
        # File, first row, last row + 1.
        self.blocks = np.array(
            [
                (number, start, min(start + block_rows, len(arrays[0])))
                for number, arrays in enumerate(self.files)
                for start in range(0, len(arrays[0]), block_rows)
            ]
        )
        self.rows = int(np.sum(self.blocks[:, 2] - self.blocks[:, 1]))
        self._order = functools.lru_cache(2)(self._order)
        self._load = functools.lru_cache(2)(self._load)

    def stream(self) -> Stream:
        """What a stage trains on: all rows an epoch, the last ones made whole.

        A batch that would be short at the end of an epoch begins the epoch anew.
        """
        return Stream(self.batch, rows=self.rows)

    def batch(self, step: int, rows: int) -> tuple[Arrays, Arrays]:
        """Inputs and targets of a step, counted from the start of training."""
        steps = -(-self.rows // rows)
        epoch, first = step // steps, step % steps * rows
        parts, wanted = [], rows
        while wanted:
            piece = self._from(epoch, first % self.rows, wanted)
            parts.append(piece)
            first, wanted = first + len(piece[0]), wanted - len(piece[0])
        joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        return joined[0], joined[-1]

    def _from(self, epoch: int, row: int, most: int) -> list[np.ndarray]:
        """Up to `most` shuffled rows of one load, from a row of the epoch on."""
        _, ends = self._order(epoch)
        load = int(np.searchsorted(ends, row, side="right"))
        start = row - (int(ends[load - 1]) if load else 0)
        return [array[start : start + most] for array in self._load(epoch, load)]

    def _order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Order of the blocks, and the row at which each load of them ends."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.blocks))
        sizes = (self.blocks[:, 2] - self.blocks[:, 1])[order]
        firsts = np.arange(0, len(order), self.blocks_at_once)
        return order, np.cumsum(np.add.reduceat(sizes, firsts))

    def _load(self, epoch: int, load: int) -> list[np.ndarray]:
        order, _ = self._order(epoch)
        chosen = order[load * self.blocks_at_once :][: self.blocks_at_once]
        # The disk is read in its order; the shuffle follows.
        chosen = self.blocks[np.sort(chosen)]
        found = [
            np.concatenate([self.files[n][i][start:stop] for n, start, stop in chosen])
            for i in range(len(self.names))
        ]
        rng = np.random.default_rng([self.seed, epoch, load])
        order = rng.permutation(len(found[0]))
        return [array[order] for array in found]


def _arrays(path: Path, names: Sequence[str]) -> list[h5py.Dataset]:
    file = open_hdf5(path)
    absent = [name for name in names if name not in file]
    if absent:
        raise DataError(
            f"{path}: expected an array {absent[0]}, found {', '.join(file)}",
            hint="Name an array by its whole path in the file, e.g. inputs/flux.",
        )
    return [file[name] for name in names]

"""Rows of TFRecord files, read without TensorFlow.

A file is a sequence of records: length (8 bytes), its checksum (4), a serialised
`tf.train.Example`, its checksum (4). An Example is a map from names to lists of floats,
integers or bytes; `NAME/shape`, where it is there, says how a list becomes an array.
"""

from __future__ import annotations

import functools
import mmap
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from keras_astro.data.readers.arrays import ID_NAMES, first_of
from keras_astro.data.sample import Sample, Schema, Source
from keras_astro.errors import DataError

NAME = re.compile(r"\.tfrecords?(-\d+-of-\d+)?$", re.IGNORECASE)
HEAD, FOOT = 12, 4
GZIP = b"\x1f\x8b"

Arrays = Mapping[str, np.ndarray]


class TFRecordSource(Source):
    """Rows of a TFRecord file, parsed when asked for.

    The checksums of the lengths are verified, those of the contents are not.

    Args:
        path: The file, not compressed.
        schema: What the task expects.
        to_sample: From named arrays, rows first, to rows of the schema.

    Raises:
        DataError: If the file is damaged, compressed or empty, or a record is not like
            the first one.
    """

    def __init__(
        self, path: Path, schema: Schema, to_sample: Callable[[Arrays], Sample]
    ):
        self.path, self.schema, self.name = Path(path), schema, str(path)
        self.to_sample = to_sample
        with self.path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._places = np.array(list(self._scan())).reshape(-1, 2)
        self.take([0])

    def __len__(self) -> int:
        return len(self._places)

    def take(self, indices):
        indices = np.asarray(indices, int)
        if not len(indices):
            return self.take([0]).rows(0, 0)
        order, inverse = np.unique(indices, return_inverse=True)
        return self.to_sample(self._arrays(order)).take(inverse)

    def facts(self):
        return self._facts

    @functools.cached_property
    def _facts(self) -> dict[str, np.ndarray]:
        return super().facts()

    def _scan(self) -> Iterator[tuple[int, int]]:
        """Start and end of each record's content."""
        if self._bytes[:2] == GZIP:
            raise DataError(
                f"{self.path}: a compressed TFRecord file cannot be read in pieces",
                hint="Decompress it first: gunzip.",
            )
        place, size = 0, len(self._bytes)
        while place < size:
            head = self._bytes[place : place + HEAD]
            if len(head) == HEAD:
                length, check = struct.unpack("<QI", head)
            if len(head) < HEAD or check != masked_crc(head[:8]):
                self._damaged(f"at byte {place}")
            start = place + HEAD
            place = start + length + FOOT
            if place > size:
                self._damaged(f"cut off in the record at byte {start - HEAD}")
            yield start, start + length

    def _arrays(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        records = []
        for row in rows:
            start, end = self._places[row]
            try:
                records.append(parse_example(memoryview(self._bytes)[start:end]))
            except (ValueError, LookupError, TypeError, OverflowError, struct.error):
                self._damaged(f"in record {row}")
        first = records[0]
        for row, record in zip(rows, records, strict=True):
            sizes = [{k: len(v) for k, v in r.items()} for r in (first, record)]
            if sizes[0] != sizes[1]:
                name = sorted(dict(sizes[0].items() ^ sizes[1].items()))[0]
                raise DataError(
                    f"{self.path}: expected {sizes[0].get(name, 'no')} values of "
                    f"{name} as in record {rows[0]}, found "
                    f"{sizes[1].get(name, 'none')} in record {row}",
                    hint="Write rows of other lengths to files of their own, or "
                    "resample them first.",
                )
        arrays = {k: _stacked([r[k] for r in records]) for k in first}
        for name in [k for k in arrays if k.endswith("/shape")]:
            key, shape = name.removesuffix("/shape"), arrays.pop(name)
            # A list of one number is a column of numbers.
            shape = shape[0].tolist() if shape.ndim == 2 else [int(shape[0])]
            if key not in arrays or arrays[key].size != len(rows) * np.prod(shape):
                self._damaged(f"in {name}: {shape} is not the shape of {key}")
            arrays[key] = arrays[key].reshape(len(rows), *shape)
        if first_of(arrays, ID_NAMES) is None:
            arrays["id"] = rows.astype(str)
        return arrays

    def _damaged(self, where: str) -> None:
        raise DataError(
            f"{self.path}: expected TFRecord with tf.train.Example, found a file "
            f"damaged or foreign {where}",
            hint="Copy or make it again.",
        )


def open_tfrecord(
    path: Path, schema: Schema, to_source: Callable[[Arrays, Schema, str], Source]
) -> TFRecordSource:
    """Opens a TFRecord file.

    Args:
        path: The file.
        schema: What the task expects.
        to_source: What makes rows of named arrays for this schema.
    """

    def to_sample(arrays: Arrays) -> Sample:
        found = to_source(arrays, schema, str(path))
        return found if isinstance(found, Sample) else found.read()

    return TFRecordSource(path, schema, to_sample)


def parse_example(content: memoryview) -> dict[str, list | np.ndarray]:
    """The features of a serialised `tf.train.Example` by name.

    Raises:
        ValueError: If it is none; also LookupError, TypeError or OverflowError.

    Example:
        >>> content = bytes.fromhex("0a0f0a0d0a0178120812060a0400008040")
        >>> parse_example(memoryview(content))
        {'x': array([4.], dtype=float32)}
    """
    found = {}
    for features in _only_first(content):
        for entry in _only_first(features):
            parts = dict(_fields(entry))
            # Neither this nor `memoryview` takes an integer for bytes.
            found[str(parts[1], "utf-8")] = _feature(parts.get(2, memoryview(b"")))
    return found


def _only_first(content: memoryview) -> Iterator[memoryview | int]:
    """The fields of a message that has those of number 1 alone."""
    for number, field in _fields(content):
        if number != 1:
            # A SequenceExample has lists of features in a second one.
            raise ValueError(f"field {number}")
        yield field


def _feature(content: memoryview) -> list | np.ndarray:
    for kind, values in _fields(content):
        items = [item for _, item in _fields(values)]
        if kind == 1:
            return [bytes(memoryview(item)) for item in items]
        packed = [i for i in items if isinstance(i, memoryview)]
        if kind == 2:
            return np.frombuffer(b"".join(packed), "<f4")
        single = np.array([i for i in items if isinstance(i, int)], np.uint64)
        return np.concatenate([single, *map(_varints, packed)]).astype(np.int64)
    return []


def _fields(content: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Number and content of each field of a message; of an integer its value."""
    place = 0
    while place < len(content):
        tag, place = _varint(content, place)
        wire = tag & 7
        if wire == 0:
            value, place = _varint(content, place)
            yield tag >> 3, value
            continue
        if wire == 2:
            length, place = _varint(content, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if place + length > len(content):
            raise ValueError("a field goes beyond its message")
        yield tag >> 3, content[place : place + length]
        place += length


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("an integer of more than ten bytes")


def _varints(content: memoryview) -> np.ndarray:
    """Packed integers, all at once."""
    data = np.frombuffer(content, np.uint8)
    if not len(data):
        return np.zeros(0, np.uint64)
    starts = np.r_[0, np.flatnonzero(data[:-1] < 0x80) + 1]
    group = np.cumsum(np.r_[0, data[:-1] < 0x80])
    shift = 7 * (np.arange(len(data)) - starts[group])
    parts = (data & 0x7F).astype(np.uint64) << shift.astype(np.uint64)
    return np.bitwise_or.reduceat(parts, starts)


def _stacked(values: list) -> np.ndarray:
    """One feature of several records: `(row, value)`, or `(row,)` of single values."""
    if isinstance(values[0], list):
        values = [[item.decode("utf-8", "replace") for item in row] for row in values]
    array = np.array(values)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


@functools.cache
def _table() -> list[int]:
    """CRC-32C of each byte (Castagnoli's polynomial, reflected)."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


def masked_crc(content: bytes) -> int:
    """TFRecord's checksum: CRC-32C, rotated and shifted.

    Example:
        >>> hex(masked_crc(bytes(8)))
        '0x7980329'
    """
    crc, table = 0xFFFFFFFF, _table()
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF

"""Avro packets to dictionaries: container files, bare records, and Kafka's wire format.

Survey packets repeat a schema of 20 kB before each record. It is parsed once for all
packets that carry the same bytes; of the record, a lean reader takes what alerts need.
"""

from __future__ import annotations

import copy
import io
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cramjam
import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from keras_astro.data.readers.alert_fields import RECORDS, USED
from keras_astro.data.readers.avro_skim import CannotSkimError, Reader, skimmer
from keras_astro.errors import DataError

MAGIC = b"Obj\x01"
# Confluent's wire format: this byte, then four bytes of schema id.
WIRE = 0
MOST_BYTES = 64 << 20

# What a damaged record makes the decoder raise.
DECODING = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    StopIteration,
    SchemaParseException,
    TypeError,
    UnknownType,
    ValueError,
    struct.error,
    zlib.error,
    cramjam.DecompressionError,
)


@dataclass(frozen=True)
class Parsed:
    """A parsed schema, and the short way to what alerts need of its records.

    Args:
        whole: As the packet was written.
        skim: Reads the fields of `USED`; None for schemas of no known survey.
    """

    whole: Any
    skim: Reader | None

    @classmethod
    def of(cls, schema: Any) -> Parsed:
        """Parses a schema given as JSON."""
        whole = fastavro.parse_schema(copy.deepcopy(schema))
        fields = schema.get("fields") if isinstance(schema, dict) else None
        if not {f["name"] for f in fields or ()} & set(RECORDS):
            return cls(whole, None)
        try:
            return cls(whole, skimmer(schema, USED))
        except CannotSkimError:
            return cls(whole, None)

    def read(
        self, data: bytes, place: int, *, lean: bool
    ) -> tuple[dict[str, Any], int]:
        """The record at a place, and the place behind it."""
        if lean and self.skim:
            try:
                return self.skim(data, place)
            except (CannotSkimError, UnicodeDecodeError):
                # Damaged, or unusual: the full decoder says which.
                pass
        file = io.BytesIO(data)
        file.seek(place)
        record = fastavro.schemaless_reader(file, self.whole)
        if not isinstance(record, dict):
            raise TypeError(f"a {type(record).__name__}, not a record")
        return record, file.tell()


class Schemas:
    """The schemas of packets that carry none.

    Args:
        default: Schema of bare records, as parsed JSON; None where there is none.
        by_id: Schemas of the wire format by id.
        registry: URL of a schema registry that is asked for other ids.
    """

    def __init__(
        self,
        default: Any = None,
        *,
        by_id: Mapping[int, Any] | None = None,
        registry: str | None = None,
    ):
        self.default = None if default is None else Parsed.of(default)
        self.known = {k: Parsed.of(v) for k, v in (by_id or {}).items()}
        self.registry = registry

    @classmethod
    def read(cls, path: Path | None, *, registry: str | None = None) -> Schemas:
        """The schema in a `.avsc` file, which is also that of every unknown id.

        Raises:
            DataError: If the file is no Avro schema.
        """
        if path is None:
            return cls(registry=registry)
        try:
            return cls(json.loads(path.read_text()), registry=registry)
        except (OSError, *DECODING) as error:
            raise DataError(
                f"{path}: expected an Avro schema as JSON ({_reason(error)})",
                hint="Give the survey's schema with all nested records in one file.",
            ) from error

    def of(self, number: int) -> Parsed:
        """The schema of an id; fetched from the registry once.

        Raises:
            DataError: If nobody knows it.
        """
        if number not in self.known and self.registry:
            self.known[number] = Parsed.of(self._fetch(number))
        schema = self.known.get(number, self.default)
        if schema is None:
            raise DataError(
                f"schema id {number} is unknown",
                hint="Give a schema file (.avsc), or the URL of a registry.",
            )
        return schema

    def _fetch(self, number: int) -> Any:
        from urllib.error import URLError
        from urllib.request import urlopen

        url = f"{self.registry.rstrip('/')}/schemas/ids/{number}"
        try:
            with urlopen(url, timeout=10) as answer:
                return json.loads(json.load(answer)["schema"])
        except (URLError, OSError, *DECODING) as error:
            raise DataError(
                f"{url}: expected a schema ({_reason(error)})",
                hint="Check the registry's URL, or give a schema file (.avsc).",
            ) from error


NO_SCHEMAS = Schemas()


def read_packets(
    data: bytes, schemas: Schemas = NO_SCHEMAS, *, lean: bool = False
) -> Iterator[dict[str, Any]]:
    """The records of a packet, whatever its framing.

    Args:
        data: A container file, a record in Confluent's wire format, or a bare record.
        schemas: For records that carry no schema.
        lean: Whether the fields of `USED` are enough.

    Yields:
        Records as dictionaries.

    Raises:
        DataError: If they cannot be decoded, with the reason.
    """
    if data[:4] == MAGIC:
        yield from _container(data, lean)
        return
    try:
        if data[:1] == b"\0" and len(data) > 5 and _is_wire(data, schemas):
            schema = schemas.of(struct.unpack(">I", data[1:5])[0])
            yield schema.read(data, 5, lean=lean)[0]
        elif schemas.default is not None:
            yield schemas.default.read(data, 0, lean=lean)[0]
        else:
            raise DataError(
                "expected an Avro packet, found bytes without a schema",
                hint="Give a schema file (.avsc) beside the packets.",
            )
    except DECODING as error:
        raise DataError(
            f"expected a record of the given schema ({_reason(error)})",
            hint="The packet is damaged, or of another schema version.",
        ) from error


def _is_wire(data: bytes, schemas: Schemas) -> bool:
    """A bare record may start with a zero too: an empty text."""
    number = struct.unpack(">I", data[1:5])[0]
    return bool(schemas.registry) or number in schemas.known or number < 1 << 24


def _container(data: bytes, lean: bool) -> Iterator[dict[str, Any]]:
    try:
        file = io.BytesIO(data)
        file.seek(len(MAGIC))
        header = _metadata(file)
        schema = _parsed(header["avro.schema"])
        codec = header.get("avro.codec", b"null").decode()
        file.seek(16, io.SEEK_CUR)
        while file.tell() < len(data):
            count, size = _long(file), _long(file)
            block = file.read(size)
            if size < 0 or len(block) != size:
                raise EOFError("truncated")
            records, place = _decompress(codec, block), 0
            for _ in range(count):
                record, place = schema.read(records, place, lean=lean)
                yield record
            file.seek(16, io.SEEK_CUR)
    except DECODING as error:
        raise DataError(
            f"expected an Avro file, found one damaged ({_reason(error)})",
            hint="Fetch the packet again.",
        ) from error


@lru_cache(maxsize=64)
def _parsed(schema: bytes) -> Parsed:
    return Parsed.of(json.loads(schema))


def _metadata(file: io.BytesIO) -> dict[str, bytes]:
    found = {}
    while count := _long(file):
        if count < 0:
            count = -count
            _long(file)
        for _ in range(count):
            key = _bytes(file).decode()
            found[key] = _bytes(file)
    return found


def _bytes(file: io.BytesIO) -> bytes:
    size = _long(file)
    value = file.read(size) if size >= 0 else b""
    if len(value) != size:
        raise EOFError("truncated header")
    return value


def _long(file: io.BytesIO) -> int:
    """A zigzag number of seven bits a byte."""
    value = shift = 0
    while True:
        byte = file.read(1)
        if not byte or shift > 63:
            raise EOFError("truncated number")
        value |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return (value >> 1) ^ -(value & 1)


def _decompress(codec: str, block: bytes) -> bytes:
    if codec == "null":
        return block
    if codec == "deflate":
        return zlib.decompressobj(-15).decompress(block, MOST_BYTES)
    if codec == "snappy":
        # The last four bytes are a checksum of the plain data.
        plain = bytes(cramjam.snappy.decompress_raw(block[:-4]))
        if zlib.crc32(plain) != struct.unpack(">I", block[-4:])[0]:
            raise ValueError("checksum differs")
        return plain
    raise ValueError(f"codec {codec} is not known")


def _reason(error: BaseException) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0]
    return f"{type(error).__name__}: {text}"[:160]

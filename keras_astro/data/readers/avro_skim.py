"""The few fields of an Avro record that are wanted, without decoding the others.

An alert has a thousand numbers, of which thirty are used. Whatever an Avro schema lays
out without repetition is a regular language, so that long runs of fields are passed
over by one regular expression, whose groups are the wanted fields. Arrays, maps and
long bytes are walked. A record that does not match is left to a full decoder, which
also has the better words for what is wrong with it.

Reference:
    Apache Avro 1.11 specification, section "Binary encoding".
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

# What is wanted of a record, by field; empty for the whole of a field.
Wanted = Mapping[str, "Wanted"]
# From bytes and a place in them to a value and the place after it.
Reader = Callable[[bytes, int], tuple[Any, int]]

VARINT = rb"[\x80-\xff]{0,9}+[\x00-\x7f]"
FIXED = {"null": 0, "boolean": 1, "float": 4, "double": 8}
# Longer texts than this are not passed over.
MOST_TEXT = 127


class CannotSkimError(Exception):
    """The record or its schema is beyond what is skimmed."""


def skimmer(schema: Any, wanted: Wanted) -> Reader:
    r"""Compiles a reader of the wanted fields of a record.

    Args:
        schema: The record's schema as parsed JSON.
        wanted: Fields by name, nested as in the record; what the schema lacks is left
            out of the results.

    Returns:
        A function of bytes and a place in them that gives the fields as nested
        dictionaries and the place behind the record.

    Raises:
        CannotSkimError: If the schema is recursive or has what is not supported; by the
            returned function, if the record does not match.

    Example:
        >>> fields = [{"name": "skipped", "type": "string"}]
        >>> fields += [{"name": "taken", "type": ["null", "int"]}]
        >>> schema = {"type": "record", "name": "r", "fields": fields}
        >>> read = skimmer(schema, {"taken": {}})
        >>> read(b"\x04ab\x02\x06", 0)
        ({'taken': 3}, 5)
    """
    try:
        return _Compiler().reader(schema, wanted)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CannotSkimError(f"schema: {error}") from error


class _Compiler:
    """Schemas to patterns and readers; knows the types named so far."""

    def __init__(self):
        self.named: dict[str, Any] = {}

    def resolve(self, schema: Any, space: str = "") -> tuple[Any, str]:
        """A type's kind, or its definition, and the namespace it stands in."""
        if isinstance(schema, dict) and isinstance(schema["type"], dict | list):
            return self.resolve(schema["type"], space)
        if isinstance(schema, dict) and schema["type"] in ("record", "fixed", "enum"):
            space = schema.get("namespace", space)
            name = schema["name"]
            full = name if "." in name or not space else f"{space}.{name}"
            self.named.setdefault(full, schema)
            return schema, full.rpartition(".")[0]
        if isinstance(schema, dict) and schema["type"] not in ("array", "map"):
            return self.resolve(schema["type"], space)
        if isinstance(schema, str):
            for full in (f"{space}.{schema}", schema):
                if full in self.named:
                    return self.named[full], full.rpartition(".")[0]
        return schema, space

    def pattern(self, schema: Any, space: str) -> bytes | None:
        """A regular expression that passes over a type; None where there is none."""
        kind, space = self.resolve(schema, space)
        if kind in ("int", "long"):
            return VARINT
        if kind == "string":
            return _TEXT
        if isinstance(kind, str):
            return _bytes(FIXED[kind]) if kind in FIXED else None
        if isinstance(kind, list):
            parts = [self.pattern(branch, space) for branch in kind]
            if None in parts or len(parts) > MOST_TEXT // 2:
                return None
            parts = [re.escape(bytes([2 * i])) + p for i, p in enumerate(parts)]
            return b"(?>" + b"|".join(parts) + b")"
        if kind["type"] == "record":
            parts = [self.pattern(f["type"], space) for f in kind["fields"]]
            return None if None in parts else b"".join(parts)
        if kind["type"] == "fixed":
            return _bytes(kind["size"])
        return VARINT if kind["type"] == "enum" else None

    def reader(self, schema: Any, wanted: Wanted, space: str = "") -> Reader:
        """A reader of a type; without anything wanted, of all that it has."""
        kind, space = self.resolve(schema, space)
        if isinstance(kind, str):
            return LEAVES[kind]
        if isinstance(kind, list):
            return _union([self.reader(branch, wanted, space) for branch in kind])
        if kind["type"] == "record":
            return self._record(kind["fields"], wanted, space)
        if kind["type"] == "array":
            return _array(self.reader(kind["items"], wanted, space))
        raise CannotSkimError(f"type {kind['type']}")

    def passed(self, schema: Any, space: str) -> Reader:
        """A reader that passes over a type that no pattern holds."""
        kind, space = self.resolve(schema, space)
        regular = self.pattern(kind, space)
        if regular is not None:
            return _Run([(regular, None, None)])
        if kind == "bytes":
            return LEAVES["bytes"]
        if isinstance(kind, list):
            return _union([self.passed(branch, space) for branch in kind])
        if kind["type"] == "record":
            return self._record(kind["fields"], {}, space)
        items = self.passed(
            kind["items" if kind["type"] == "array" else "values"], space
        )
        if kind["type"] == "array":
            return _array(items, keep=False)
        return _array(_pair(_Run([(_TEXT, None, None)]), items), keep=False)

    def _record(self, fields: list, wanted: Wanted, space: str) -> Reader:
        parts: list[tuple[str | None, Reader]] = []
        run: list[tuple[bytes, str | None, Callable | None]] = []
        for field in fields:
            name, schema = field["name"], field["type"]
            regular = self.pattern(schema, space)
            decode = self._leaf(schema, space)
            if regular is not None and (name not in wanted or decode):
                run.append((regular, name if name in wanted else None, decode))
                continue
            if run:
                parts.append((None, _Run(run)))
                run = []
            if name in wanted:
                parts.append((name, self.reader(schema, wanted[name], space)))
            else:
                parts.append(("", self.passed(schema, space)))
        if run:
            parts.append((None, _Run(run)))
        return _joined(parts)

    def _leaf(self, schema: Any, space: str) -> Callable[[bytes], Any] | None:
        """What decodes the bytes of a number or text, which may be null."""
        kind, space = self.resolve(schema, space)
        if isinstance(kind, list):
            kinds = [self.resolve(branch, space)[0] for branch in kind]
            full = [k for k in kinds if isinstance(k, str) and k in DECODERS]
            if len(full) != 1 or len(kinds) != 2 or "null" not in kinds:
                return None
            decode, null = DECODERS[full[0]], 2 * kinds.index("null")
            return lambda raw: None if raw[0] == null else decode(raw[1:])
        return DECODERS.get(kind) if isinstance(kind, str) else None


class _Run:
    """Fields that one regular expression passes over, and the wanted ones of them."""

    def __init__(self, parts):
        self.wanted = [(name, decode) for _, name, decode in parts if name]
        text = [b"(" + part + b")" if name else part for part, name, _ in parts]
        self.match = re.compile(b"".join(text), re.DOTALL).match

    def __call__(self, data, place):
        found = self.match(data, place)
        if found is None:
            raise CannotSkimError(f"no match at byte {place}")
        pairs = zip(self.wanted, found.groups(), strict=True)
        return {name: decode(raw) for (name, decode), raw in pairs}, found.end()


def _joined(parts: list[tuple[str | None, Reader]]) -> Reader:
    """A record from its runs (None), wanted fields, and what is passed over ("")."""

    def read(data, place):
        record = {}
        for name, reader in parts:
            value, place = reader(data, place)
            if name is None:
                record.update(value)
            elif name:
                record[name] = value
        return record, place

    return read


def _union(branches: list[Reader]) -> Reader:
    def read(data, place):
        number, place = _long(data, place)
        if not 0 <= number < len(branches):
            raise CannotSkimError(f"union of {len(branches)} has no branch {number}")
        return branches[number](data, place)

    return read


def _pair(first: Reader, second: Reader) -> Reader:
    return lambda data, place: second(data, first(data, place)[1])


def _array(items: Reader, *, keep: bool = True) -> Reader:
    """Blocks of items until an empty one; a block may tell how many bytes it has."""

    def read(data, place):
        found = []
        while True:
            count, place = _long(data, place)
            if count == 0:
                return found, place
            if count < 0:
                size, place = _long(data, place)
                count = -count
                if not keep and 0 <= size <= len(data) - place:
                    place += size
                    continue
            if count > len(data):
                raise CannotSkimError(f"{count} items in {len(data)} bytes")
            for _ in range(count):
                value, place = items(data, place)
                if keep:
                    found.append(value)

    return read


def _long(data: bytes, place: int) -> tuple[int, int]:
    """A zigzag number of seven bits a byte."""
    value = shift = 0
    for after, byte in enumerate(data[place : place + 10], place + 1):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), after
        shift += 7
    raise CannotSkimError(f"no number before byte {place}")


def _binary(data: bytes, place: int) -> tuple[bytes, int]:
    size, place = _long(data, place)
    if not 0 <= size <= len(data) - place:
        raise CannotSkimError(f"{size} bytes at {place} of {len(data)}")
    return data[place : place + size], place + size


def _text(data: bytes, place: int) -> tuple[str, int]:
    raw, place = _binary(data, place)
    return raw.decode(), place


def _bytes(count: int) -> bytes:
    return b".{%d}" % count if count else b""


def _text_pattern() -> bytes:
    """A length and that many bytes: a choice between all lengths."""
    parts = []
    for size in range(MOST_TEXT + 1):
        low, high = 2 * size & 0x7F, 2 * size >> 7
        length = bytes([low | 0x80, high]) if high else bytes([low])
        parts.append(re.escape(length) + _bytes(size))
    return b"(?>" + b"|".join(parts) + b")"


_TEXT = _text_pattern()
_float, _double = struct.Struct("<f").unpack, struct.Struct("<d").unpack
DECODERS: dict[str, Callable[[bytes], Any]] = {
    "boolean": lambda raw: raw != b"\0",
    "int": lambda raw: _long(raw, 0)[0],
    "long": lambda raw: _long(raw, 0)[0],
    "float": lambda raw: _float(raw)[0],
    "double": lambda raw: _double(raw)[0],
    "string": lambda raw: _text(raw, 0)[0],
}
LEAVES: dict[str, Reader] = {
    "null": lambda data, place: (None, place),
    "bytes": _binary,
    "string": _text,
}

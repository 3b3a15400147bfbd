"""A manifest inside an `.onnx` file, read and written without the onnx package.

The format is a protobuf message with a list of properties, `metadata_props`. Messages
may be concatenated, so a property is added behind the model's own bytes, which the
manifest's hash covers; every ONNX runtime reads such a file as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_astro.errors import ArtefactError

KEY = "kastro_manifest"
CARD = "kastro_card"

# Numbers of fields in onnx.proto: ModelProto.metadata_props, and of an entry.
PROPERTIES, NAME, VALUE = 14, 1, 2
VARINT, DELIMITED = 0, 2
FIXED_BYTES = {1: 8, 5: 4}


def append_manifest(path: Path, manifest: dict[str, Any], card: str) -> None:
    """Appends manifest and card as properties; the manifest gets the model's hash."""
    content = path.read_bytes()
    manifest = manifest | {"content_sha256": hashlib.sha256(content).hexdigest()}
    added = _entry(KEY, json.dumps(manifest)) + _entry(CARD, card)
    path.write_bytes(content + added)


def embedded(path: Path) -> dict[str, Any]:
    """The manifest in an `.onnx` file, of whatever version.

    Raises:
        ArtefactError: If the file is truncated or altered, or was not exported by this
            package.
    """
    content = path.read_bytes()
    try:
        found = {_property(p)[0]: (s, _property(p)[1]) for s, p in _properties(content)}
        start, text = found[KEY]
        manifest = json.loads(text)
        wanted = manifest["content_sha256"]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise ArtefactError(
            f"{path}: expected an ONNX file with a {KEY} inside, found none",
            hint="It is truncated, or was not made by kastro export: export it again.",
        ) from error
    if hashlib.sha256(content[:start]).hexdigest() != wanted:
        raise ArtefactError(
            f"{path}: the model is not the one that was exported, its hash differs",
            hint="The file is damaged: copy or export it again.",
        )
    return manifest


def _entry(key: str, value: str) -> bytes:
    inside = _field(NAME, key.encode()) + _field(VALUE, value.encode())
    return _field(PROPERTIES, inside)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _properties(content: bytes) -> Iterator[tuple[int, bytes]]:
    return ((s, c) for s, number, c in _fields(content) if number == PROPERTIES)


def _property(entry: bytes) -> tuple[str, str]:
    parts = {number: content.decode() for _, number, content in _fields(entry)}
    return parts[NAME], parts[VALUE]


def _fields(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Where each field of a message starts, its number, and what it holds."""
    place = 0
    while place < len(content):
        start = place
        tag, place = _read_varint(content, place)
        kind, size = tag & 7, 0
        if kind == DELIMITED:
            size, place = _read_varint(content, place)
        elif kind == VARINT:
            _, place = _read_varint(content, place)
        else:
            # Kinds that ONNX does not have end the reading.
            size = FIXED_BYTES[kind]
        if place + size > len(content):
            raise ValueError("truncated")
        yield start, tag >> 3, content[place : place + size]
        place += size


def _read_varint(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place

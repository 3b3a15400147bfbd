"""What is skimmed of a record is what a full decoder finds there."""

import io

import fastavro
import pytest

from keras_astro.data.readers.avro_skim import CannotSkimError, skimmer

INNER = {
    "type": "record",
    "name": "inner",
    "fields": [
        {"name": "x", "type": ["null", "double"]},
        {"name": "y", "type": ["string", "null"]},
    ],
}
FIELDS = [
    {"name": "text", "type": "string"},
    {"name": "number", "type": "long"},
    {"name": "many", "type": {"type": "array", "items": INNER}},
    {"name": "map", "type": {"type": "map", "values": ["null", "float"]}},
    {"name": "again", "type": ["null", "inner"]},
    {"name": "data", "type": "bytes"},
    {"name": "kind", "type": {"type": "enum", "name": "k", "symbols": ["a", "b"]}},
    {"name": "fixed", "type": {"type": "fixed", "name": "f", "size": 3}},
    {"name": "flag", "type": "boolean"},
]
SCHEMA = {"type": "record", "name": "outer", "fields": FIELDS}
RECORD = {
    "text": "é" * 60,
    "number": -(2**62),
    "many": [{"x": None, "y": "a"}, {"x": 2.5, "y": None}],
    "map": {"a": None, "b": 1.0},
    "again": {"x": 1.5, "y": "end"},
    "data": b"\0\1\2" * 99,
    "kind": "b",
    "fixed": b"abc",
    "flag": True,
}


def encoded(record=RECORD):
    file = io.BytesIO()
    fastavro.schemaless_writer(file, fastavro.parse_schema(SCHEMA), record)
    return file.getvalue()


@pytest.mark.parametrize(
    "name", ["text", "number", "many", "again", "data", "flag", None]
)
def test_each_field_alone(name):
    data = encoded()
    wanted = {name: {}} if name in ("text", "number", "data", "flag") else {}
    if name in ("many", "again"):
        wanted = {name: {"x": {}, "y": {}}}
    found, end = skimmer(SCHEMA, wanted)(b"??" + data, 2)
    assert found == ({name: RECORD[name]} if name else {})
    assert end == len(data) + 2


def test_what_does_not_match_is_told():
    read = skimmer(SCHEMA, {"number": {}})
    data = encoded()
    for damaged in (data[:-1], data[:140], b"", b"\xff" * 40):
        with pytest.raises(CannotSkimError):
            read(damaged, 0)
    with pytest.raises(CannotSkimError):
        read(encoded(RECORD | {"text": "long" * 40}), 0)
    recursive = {
        "type": "record",
        "name": "tree",
        "fields": [{"name": "next", "type": ["null", "tree"]}],
    }
    with pytest.raises(CannotSkimError):
        skimmer(recursive, {"next": {}})

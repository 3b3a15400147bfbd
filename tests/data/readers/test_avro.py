"""Packets of every framing decode to the same record, and damage is told."""

import http.server
import io
import json
import threading

import fastavro
import pytest

from keras_astro.data.readers.alert_fields import USED
from keras_astro.data.readers.avro import Schemas, read_packets
from keras_astro.errors import DataError


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
def test_containers_agree_with_fastavro(packets, codec):
    data = packets.container(packets.record(), packets.record(candid=18), codec=codec)
    found = list(read_packets(data))
    assert found == list(fastavro.reader(io.BytesIO(data)))
    assert [one["candid"] for one in found] == [17, 18]


def test_real_packets_agree_with_fastavro(real_alerts):
    files = sorted((real_alerts / "packets").glob("*.avro"))
    assert len(files) == 19
    for file in files:
        data = file.read_bytes()
        # As text, because a NaN is not equal to itself.
        expected = list(fastavro.reader(io.BytesIO(data)))
        assert repr(list(read_packets(data))) == repr(expected)
        (found,) = read_packets(data, lean=True)
        assert in_order(found) == in_order(wanted_part(expected[0], USED))


def wanted_part(value, wanted):
    """The fields that a lean reader gives, of a record decoded in full."""
    if isinstance(value, list):
        return [wanted_part(one, wanted) for one in value]
    if not isinstance(value, dict) or not wanted:
        return value
    return {k: wanted_part(v, wanted[k]) for k, v in value.items() if k in wanted}


def in_order(record):
    return sorted((name, repr(value)) for name, value in record.items())


def test_bare_records_need_the_schema(packets, refused):
    schemas = Schemas(packets.schema)
    assert next(read_packets(packets.bare(), schemas))["objectId"] == "ZTF1"
    with refused(DataError, "without a schema", hint=".avsc"):
        list(read_packets(packets.bare()))


def test_wire_format_by_id_and_by_file(packets, tmp_path, refused):
    data = packets.wire(704)
    by_id = Schemas(by_id={704: packets.schema})
    assert next(read_packets(data, by_id))["candid"] == 17
    file = tmp_path / "alert.avsc"
    file.write_text(json.dumps(packets.schema))
    assert next(read_packets(data, Schemas.read(file)))["candid"] == 17
    with refused(DataError, "schema id 704 is unknown", hint="registry"):
        list(read_packets(data))


def test_registry_is_asked_once(packets):
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            answer = json.dumps({"schema": json.dumps(packets.schema)})
            self.wfile.write(answer.encode())

        def log_message(self, *words):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        schemas = Schemas(registry=f"http://127.0.0.1:{server.server_port}")
        for _ in range(2):
            assert next(read_packets(packets.wire(9), schemas))["candid"] == 17
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert asked == ["/schemas/ids/9"]


def test_another_schema_is_named_not_guessed(packets, refused):
    other = {
        "type": "record",
        "name": "other",
        "fields": [{"name": "number", "type": {"type": "array", "items": "double"}}],
    }
    with refused(DataError, "record of the given schema", hint="schema version"):
        list(read_packets(packets.bare(), Schemas(other)))


@pytest.mark.parametrize("keep", [3, 40, 900, -30])
def test_truncated_containers(packets, keep, refused):
    with refused(DataError):
        list(read_packets(packets.container()[:keep]))


def test_schema_file_that_is_none(tmp_path, refused):
    file = tmp_path / "a.avsc"
    file.write_text("no json")
    with refused(DataError, "a.avsc", "Avro schema"):
        Schemas.read(file)

"""REST as TF Serving has it: answers, refusals, and a server that outlives both."""

import json
import shutil
import socket
import subprocess

import numpy as np
import pytest


def columns(images, **more):
    return {"inputs": {"image": images.tolist()}, **more}


def rows(images, **more):
    return {"instances": [{"image": image.tolist()} for image in images], **more}


def test_columns_are_answered_by_columns(client, images, wanted):
    status, found = client.predict(columns(images))
    assert status == 200
    assert found["outputs"].keys() == wanted.outputs.keys()
    for name, values in wanted.outputs.items():
        np.testing.assert_allclose(found["outputs"][name], values, rtol=1e-6)


def test_rows_are_answered_by_rows(client, images, wanted):
    status, found = client.predict(rows(images))
    assert status == 200
    scores = [row["score"] for row in found["predictions"]]
    np.testing.assert_allclose(scores, wanted.outputs["score"], rtol=1e-6)


def test_single_inputs_and_outputs_need_no_name(client, images, wanted):
    body = {"signature_name": "encode", "instances": images.tolist()}
    status, found = client.predict(body)
    assert status == 200
    np.testing.assert_allclose(found["predictions"], wanted.outputs["z"], rtol=1e-5)


def test_status_and_metadata(client, wanted):
    status, found = client("GET", "/v1/models/lensing")
    assert status == 200
    assert found["model_version_status"] == [
        {
            "version": "1",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
    ]
    status, found = client("GET", "/v1/models/lensing/versions/1/metadata")
    assert status == 200
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert signatures.keys() == {*wanted.signatures, "serving_default"}
    image = signatures["predict"]["inputs"]["image"]
    sizes = [dim["size"] for dim in image["tensor_shape"]["dim"]]
    assert (image["dtype"], sizes) == ("DT_FLOAT", ["-1", "64", "64", "1"])


def changed(images, **changes):
    return json.dumps(columns(images, **changes)).encode()


REFUSED = {
    "malformed": (lambda x: b'{"inputs": [1,', 400, "JSON Parse error"),
    "no_object": (lambda x: b"[1, 2]", 400, "expected an object"),
    "not_utf8": (lambda x: b"\xff\xfe\x00", 400, "JSON Parse error"),
    "deep": (lambda x: b"[" * 100_000, 400, "JSON Parse error"),
    "both": (
        lambda x: changed(x[:1], instances=[]),
        400,
        "either 'instances' or 'inputs'",
    ),
    "signature": (
        lambda x: changed(x[:1], signature_name="train"),
        400,
        '"train" not found in signature def',
    ),
    "text": (lambda x: b'{"instances": [{"image": "lens"}]}', 400, "found text"),
    "base64": (
        lambda x: b'{"instances": [{"image": {"b64": "AAAA"}}]}',
        400,
        "base64",
    ),
    "booleans": (lambda x: b'{"instances": [true]}', 400, "true or false"),
    "shape": (lambda x: changed(x[:, :-1]), 400, "expected shape"),
    "ragged": (lambda x: b'{"instances": [[1, 2], [3]]}', 400, "rows of one shape"),
    "no_rows": (lambda x: b'{"instances": []}', 400, "list of values"),
    "another_input": (
        lambda x: b'{"inputs": {"flux": [1]}}',
        400,
        "no input of this signature",
    ),
    "missing_input": (lambda x: b'{"inputs": {}}', 400, "found none"),
    "too_large": (lambda x: b" " * 500_000, 413, "at most 400000 bytes"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_bad_requests_are_refused_and_the_server_lives(client, connect, images, kind):
    make, status, words = REFUSED[kind]
    found, content = client.predict(make(images))
    assert found == status
    assert content.keys() == {"error"}
    assert words in content["error"]
    after, _ = connect(client.connection.port).predict(columns(images[:1]))
    assert after == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/models/other:predict", 404),
        ("GET", "/v1/models/other", 404),
        ("GET", "/v1/models/lensing/versions/9", 404),
        ("POST", "/v1/models/lensing/versions/9:predict", 404),
        ("POST", "/v1/models/lensing:classify", 400),
        ("GET", "/v1/models/lensing:predict", 400),
        ("GET", "/etc/passwd", 400),
        ("DELETE", "/v1/models/lensing", 501),
    ],
)
def test_places_that_are_not_there(client, images, method, path, status):
    body = columns(images[:1]) if method == "POST" else None
    found, content = client(method, path, body)
    assert found == status
    assert content.keys() == {"error"}


def test_a_body_without_length_is_refused(server):
    with socket.create_connection(("127.0.0.1", server.rest.port), 10) as line:
        line.sendall(b"POST /v1/models/lensing:predict HTTP/1.1\r\nHost: a\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 411")


def test_health_and_metrics(client, images):
    client.predict(columns(images))
    client.predict(b"{")
    assert client("GET", "/healthz") == (200, {"ready": True})
    status, text = client("GET", "/monitoring/prometheus/metrics")
    assert status == 200
    assert 'kastro_requests_total{code="OK",door="rest",model="lensing"}' in text
    assert 'code="INVALID_ARGUMENT"' in text
    assert 'kastro_model_version{model="lensing"} 1.0' in text


def test_curl_is_answered(server, images, wanted, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("needs curl on the path")
    (tmp_path / "body.json").write_text(json.dumps(columns(images)))
    url = f"http://127.0.0.1:{server.rest.port}/v1/models/lensing:predict"
    command = ["curl", "-sf", "-d", f"@{tmp_path}/body.json", url]
    done = subprocess.run(command, capture_output=True, check=True)
    found = json.loads(done.stdout)["outputs"]["score"]
    np.testing.assert_allclose(found, wanted.outputs["score"], rtol=1e-6)

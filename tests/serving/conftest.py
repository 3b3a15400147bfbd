"""A server on a tiny artefact, and clients of it."""

import http.client
import json
import shutil
from types import SimpleNamespace

import pytest

from keras_astro.serving.server import Server

MOST_BYTES = 400_000


class Client:
    """One connection that is kept."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def __call__(self, method, path, body=None):
        content = json.dumps(body) if isinstance(body, dict) else body
        self.connection.request(method, path, content)
        response = self.connection.getresponse()
        text = response.read()
        kind = response.headers["Content-Type"]
        parsed = json.loads(text) if kind == "application/json" else text.decode()
        return response.status, parsed

    def predict(self, body, name="lensing"):
        return self("POST", f"/v1/models/{name}:predict", body)


@pytest.fixture(scope="session")
def images(lens_run):
    """Two images of the test rows."""
    return lens_run.parts.test.read(0, 2).inputs["image"]


@pytest.fixture(scope="session")
def model_folder(artefact, tmp_path_factory):
    """A folder of versions with one of them."""
    base = tmp_path_factory.mktemp("models") / "lensing"
    (base / "1").mkdir(parents=True)
    shutil.copy(artefact("tflite").path, base / "1")
    return base


@pytest.fixture(scope="session")
def server(model_folder):
    """A server with both doors open."""
    with Server(
        model_folder, rest_port=0, grpc_port=0, most_bytes=MOST_BYTES
    ) as running:
        yield running


@pytest.fixture
def client(server):
    """A client of the server."""
    client = Client(server.rest.port)
    yield client
    client.connection.close()


@pytest.fixture
def connect():
    """Opens further connections to a port."""
    opened = []

    def to(port):
        opened.append(Client(port))
        return opened[-1]

    yield to
    for client in opened:
        client.connection.close()


@pytest.fixture(scope="session")
def wanted(artefact, images):
    """What the artefact itself gives for the images."""
    from keras_astro.inference.predictor import open_predictor

    predictor = open_predictor(artefact("tflite").path)
    outputs = predictor.run("predict", {"image": images})
    return SimpleNamespace(outputs=outputs, signatures=predictor.signatures)

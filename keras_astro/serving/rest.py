"""The door over HTTP: TF Serving's REST, health and Prometheus metrics."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from keras_astro import __version__
from keras_astro.serving.json_bodies import (
    parse,
    read_inputs,
    write_columns,
    write_rows,
)
from keras_astro.serving.refusals import Refusal, invalid
from keras_astro.serving.service import DEFAULT_SIGNATURE, Service, timed
from keras_astro.serving.tensors import SPELLED

MODEL = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+))?(?P<verb>/metadata|:\w+)?"
)
IDLE_SECONDS = 60
CONNECTIONS = 256


class RestServer(ThreadingHTTPServer):
    """Serves HTTP in threads, a bounded number of them.

    Args:
        service: Whom to ask.
        host: Address to listen at.
        port: 0 for a free one.
        most_bytes: Largest body of a request.
    """

    daemon_threads = True
    block_on_close = False
    # Clients that come at once wait in line instead of being turned away.
    request_queue_size = CONNECTIONS

    def __init__(self, service: Service, host: str, port: int, *, most_bytes: int):
        self.service = service
        self.most_bytes = most_bytes
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        self._lock = threading.Lock()
        # Requests that are being answered.
        self.busy = 0
        super().__init__((host, port), _Handler)

    @property
    def port(self) -> int:
        """The port that is listened at."""
        return self.server_address[1]

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Counts a request for as long as it takes."""
        with self._lock:
            self.busy += 1
        try:
            yield
        finally:
            with self._lock:
                self.busy -= 1

    def process_request(self, request, client_address):
        # No thread without a place: further connections wait in the kernel's queue.
        self._places.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request, client_address):
        """A client that went away is no news; what else happens is."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Requests of one connection, one after the other."""

    server: RestServer
    protocol_version = "HTTP/1.1"
    server_version = f"keras-astro/{__version__}"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    # Header and body leave together.
    wbufsize = 1 << 16

    def do_GET(self):
        self._guarded(self._get)

    def do_POST(self):
        self._guarded(self._post)

    def handle_expect_100(self):
        if self._length() > self.server.most_bytes:
            self._too_large()
            return False
        return super().handle_expect_100()

    def send_error(self, code, message=None, explain=None):
        self.close_connection = True
        self._answer(int(code), {"error": message or HTTPStatus(code).phrase})

    def log_message(self, *_):
        """Says nothing: metrics count requests."""

    def _guarded(self, work) -> None:
        with self.server.answering():
            try:
                work()
            except Refusal as refusal:
                self._answer(refusal.http_status, {"error": str(refusal)})
            self.wfile.flush()

    def _get(self) -> None:
        service, path = self.server.service, self.path.partition("?")[0]
        if path == "/healthz":
            ready = service.ready
            self._answer(200 if ready else 503, {"ready": ready})
        elif path in ("/metrics", "/monitoring/prometheus/metrics"):
            self._send(200, service.meters.text(service.answering), "text/plain")
        else:
            name, version, verb = self._model(path)
            if verb == "/metadata":
                self._answer(200, metadata(service, name, version))
            elif verb is None:
                self._answer(200, status(service, name, version))
            else:
                raise self._malformed()

    def _post(self) -> None:
        body = self._body()
        if body is None:
            return
        name, version, verb = self._model(self.path)
        if verb != ":predict":
            raise self._malformed()
        service = self.server.service
        known = name if name in service.models else "unknown"
        with timed(service.meters, "rest", known):
            content = predict(service, name, version, body)
        self._answer(200, content)

    def _model(self, path: str) -> tuple[str, int | None, str | None]:
        found = MODEL.fullmatch(path)
        if found is None:
            raise self._malformed()
        version = found["version"]
        return found["name"], int(version) if version else None, found["verb"]

    def _malformed(self) -> Refusal:
        return invalid(f"Malformed request: {self.command} {self.path[:200]}")

    def _length(self) -> int:
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() else -1

    def _body(self) -> bytes | None:
        length = self._length()
        if length < 0 or "Transfer-Encoding" in self.headers:
            self.send_error(411, "expected a Content-Length")
            return None
        if length > self.server.most_bytes:
            self._too_large()
            self._drain(length)
            return None
        body = self.rfile.read(length)
        if len(body) < length:
            self.send_error(400, f"expected {length} bytes, found {len(body)}")
            return None
        return body

    def _too_large(self) -> None:
        self.send_error(
            413,
            f"expected a body of at most {self.server.most_bytes} bytes, found "
            f"{self._length()}",
        )

    def _drain(self, length: int) -> None:
        # A client that is still sending would otherwise meet a reset, not the answer.
        self.wfile.flush()
        left = min(length, 4 * self.server.most_bytes)
        while left > 0 and (part := self.rfile.read(min(left, 1 << 16))):
            left -= len(part)

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def predict(service: Service, name: str, version: int | None, body: bytes):
    """The answer to a request's body, in its format.

    Raises:
        Refusal: If there is none.
    """
    content = parse(body)
    signature = content.get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(signature, str):
        raise invalid("'signature_name': expected text")
    wanted = service.inputs(name, version, signature)
    inputs = read_inputs(content, wanted)
    _, outputs = service.predict(name, version, signature, inputs)
    return write_rows(outputs) if "instances" in content else write_columns(outputs)


def status(service: Service, name: str, version: int | None) -> dict[str, Any]:
    """How the versions of a model stand."""
    return {
        "model_version_status": [
            {
                "version": str(number),
                "state": state,
                "status": {
                    "error_code": "UNKNOWN" if reason else "OK",
                    "error_message": reason,
                },
            }
            for number, state, reason in service.model(name).status(version)
        ]
    }


def metadata(service: Service, name: str, version: int | None) -> dict[str, Any]:
    """Signatures of a model, as protobuf's JSON of a `SignatureDefMap`."""
    number, signatures = service.signatures(name, version)
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(number)},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    key: {
                        **{kind: _tensors(key, kind, found[kind]) for kind in KINDS},
                        "method_name": "tensorflow/serving/predict",
                    }
                    for key, found in signatures.items()
                }
            }
        },
    }


KINDS = ("inputs", "outputs")


def _tensors(signature: str, kind: str, specs) -> dict[str, Any]:
    return {
        name: {
            "dtype": SPELLED[spec["dtype"]],
            "tensor_shape": {
                "dim": [
                    {"size": str(-1 if n is None else n), "name": ""}
                    for n in spec["shape"]
                ],
                "unknown_rank": False,
            },
            "name": f"{signature}_{name}:0" if kind == "inputs" else name,
        }
        for name, spec in specs.items()
    }

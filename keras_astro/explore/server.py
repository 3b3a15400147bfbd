"""The page's own server: a few files and JSON, for this machine alone.

The page loads nothing from elsewhere, and the headers forbid it to.
"""

from __future__ import annotations

import json
import os
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urlsplit

from keras_astro.errors import KastroError, UsageError, missing_extra
from keras_astro.evaluation.report_style import CSS
from keras_astro.explore.explorer import Explorer, words

KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
FILES = (
    "index.html",
    "style.css",
    "app.js",
    "chart.js",
    "cloud.js",
    "controls.js",
    "image.js",
    "panels.js",
    "worst.js",
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
LONGEST_QUERY = 4000


class ExploreServer(ThreadingHTTPServer):
    """Serves one explorer.

    Args:
        explorer: What answers.
        host: Address to listen on.
        port: Port; 0 for any free one.

    Raises:
        UsageError: If the address cannot be listened on.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, explorer: Explorer, *, host: str = "127.0.0.1", port: int = 0):
        self.explorer = explorer
        try:
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as error:
            reason = os.strerror(error.errno) if getattr(error, "errno", 0) else error
            raise UsageError(
                f"{host}:{port}: cannot be listened on ({reason})",
                hint="Choose another port with --port, or any free one with --port 0.",
            ) from error

    @property
    def url(self) -> str:
        """Where the page is."""
        host, port = self.server_address[:2]
        return f"http://{host}:{port}/"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ip_address(self.server_address[0]).is_loopback


class Handler(BaseHTTPRequestHandler):
    """Answers GET requests."""

    server: ExploreServer
    server_version = "kastro"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Sends a file of the page, or an answer of the explorer."""
        if not self._is_ours():
            self._send_json(
                HTTPStatus.FORBIDDEN, {"error": "not this host", "hint": ""}
            )
            return
        place = urlsplit(self.path)
        name = place.path.lstrip("/") or "index.html"
        if name in FILES:
            self._send(HTTPStatus.OK, page_file(name), KINDS[name.rpartition(".")[2]])
            return
        try:
            answer = self._answer(unquote(name).split("/"), place.query)
            status = HTTPStatus.OK if answer is not None else HTTPStatus.NOT_FOUND
            self._send_json(status, answer or {"error": f"no page /{name}", "hint": ""})
        except KastroError as error:
            self._send_json(HTTPStatus.BAD_REQUEST, words(error))
        except ModuleNotFoundError as error:
            absent = missing_extra(error.name, extra="train", purpose="this case")
            self._send_json(HTTPStatus.NOT_IMPLEMENTED, words(absent))
        except Exception as error:
            text = f"the server failed ({type(error).__name__}: {error})"
            hint = "Its terminal says where."
            self._send_json(
                HTTPStatus.INTERNAL_SERVER_ERROR, {"error": text, "hint": hint}
            )
            raise

    def _answer(self, parts: list[str], query: str):
        given = dict(parse_qsl(query[:LONGEST_QUERY], keep_blank_values=True))
        explorer = self.server.explorer
        match parts:
            case ["api", "cases"]:
                return explorer.overview()
            case ["api", case, "controls"]:
                return explorer.controls(case)
            case ["api", case, "scene"]:
                return explorer.scene(case, given)
            case ["api", case, "worst"]:
                return explorer.worst(case, given.get("order"))
            case ["api", case, "row", number]:
                return explorer.row(case, number)
        return None

    def _is_ours(self) -> bool:
        """Whether the request names this machine, as another site's page cannot."""
        if not self.server.loopback:
            return True
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        return host in ("localhost", "127.0.0.1", "::1", self.server.server_address[0])

    def _send_json(self, status: HTTPStatus, content) -> None:
        body = json.dumps(content, allow_nan=False).encode()
        self._send(status, body, "application/json")

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            # The page has asked for something else in the meantime.
            self.close_connection = True

    def log_message(self, *_):
        """Says nothing: a slider asks twenty times a second."""


@cache
def page_file(name: str) -> bytes:
    """A file of the page; its style begins with that of the reports."""
    text = (resources.files("keras_astro.explore") / "page" / name).read_text("utf-8")
    return (CSS + text if name == "style.css" else text).encode()

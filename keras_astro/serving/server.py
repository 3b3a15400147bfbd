"""The server: models, watch and doors, started and stopped together."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from keras_astro.errors import ArtefactError, UsageError, missing_extra
from keras_astro.serving.meters import Meters
from keras_astro.serving.rest import RestServer
from keras_astro.serving.service import Service
from keras_astro.serving.versions import ServedModel, Watch, models_at

LAST_ANSWERS_SECONDS = 10.0


class Server:
    """A context in which an artefact is served.

    Args:
        place: An artefact, a folder of versions, or a folder of such folders.
        name: Name of the model where there is one; its task's by default.
        host: Address to listen at.
        rest_port: 0 for a free one.
        grpc_port: 0 for a free one; None for no gRPC.
        most_bytes: Largest request.
        poll: Seconds between looks for new versions.
        tell: Told a sentence about what changes.

    Raises:
        ArtefactError: If there is nothing to serve.
        UsageError: If a port is taken.
        MissingExtraError: If gRPC is wanted and not installed.

    Example:
        >>> from urllib.request import urlopen
        >>> with Server(path, rest_port=0) as server:  # doctest: +SKIP
        ...     urlopen(f"http://127.0.0.1:{server.rest.port}/v1/models/lensing")
    """

    def __init__(
        self,
        place: Path,
        *,
        name: str | None = None,
        host: str = "127.0.0.1",
        rest_port: int = 8501,
        grpc_port: int | None = None,
        most_bytes: int = 32_000_000,
        poll: float = 2.0,
        tell: Callable[[str], None] = lambda _: None,
    ):
        meters = Meters()
        self.models = [
            ServedModel(key, base, observe=partial(meters.batch, key))
            for key, base in models_at(place, name=name).items()
        ]
        self.service = Service(self.models, meters)
        self.host = host
        self.watch = Watch(self.models, seconds=poll, tell=tell)
        self.rest = self._rest(rest_port, most_bytes)
        self.rpc = self.rpc_port = None
        if grpc_port is not None:
            with contextlib.ExitStack() as stack:
                stack.callback(self.rest.server_close)
                self.rpc, self.rpc_port = self._rpc(grpc_port, most_bytes)
                stack.pop_all()
        self._stack = contextlib.ExitStack()

    @property
    def addresses(self) -> list[str]:
        """A line for each model and door."""
        lines = [
            f"http://{self.host}:{self.rest.port}/v1/models/{name}:predict "
            f"(version {number})"
            for name, number in self.service.answering.items()
        ]
        if self.rpc:
            lines.append(f"grpc://{self.host}:{self.rpc_port}")
        return lines

    def __enter__(self) -> Server:
        with contextlib.ExitStack() as stack:
            stack.callback(self.rest.server_close)
            self._load()
            for model in self.models:
                stack.callback(model.close)
            stack.enter_context(self.watch)
            thread = threading.Thread(
                target=self.rest.serve_forever, args=(0.1,), daemon=True
            )
            thread.start()
            stack.callback(self._finish)
            if self.rpc:
                self.rpc.start()
                stack.callback(lambda: self.rpc.stop(LAST_ANSWERS_SECONDS).wait())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._stack.close()

    def _load(self) -> None:
        for model in self.models:
            model.refresh()
            if model.current is None:
                reasons = [reason for _, _, reason in model.status()]
                raise ArtefactError(
                    f"{model.name}: no version loads ({'; '.join(reasons)})",
                    hint="Copy or export it again.",
                )

    def _finish(self) -> None:
        """Takes no further request; waits for the answers that are due."""
        self.rest.shutdown()
        deadline = time.monotonic() + LAST_ANSWERS_SECONDS
        while self.rest.busy and time.monotonic() < deadline:
            time.sleep(0.01)

    def _rest(self, port: int, most_bytes: int) -> RestServer:
        try:
            return RestServer(self.service, self.host, port, most_bytes=most_bytes)
        except OSError as error:
            raise _taken(self.host, port, "--rest-port", error) from error

    def _rpc(self, port: int, most_bytes: int):
        try:
            from keras_astro.serving.rpc import rpc_server
        except ModuleNotFoundError as error:
            raise missing_extra(
                error.name or "grpcio", extra="serve", purpose="gRPC"
            ) from error
        try:
            return rpc_server(self.service, self.host, port, most_bytes=most_bytes)
        except RuntimeError as error:
            raise _taken(self.host, port, "--grpc-port", error) from error


def _taken(host: str, port: int, option: str, error: Exception) -> UsageError:
    reason = getattr(error, "strerror", None) or "it may be taken"
    return UsageError(
        f"{host}:{port}: cannot be listened at ({reason})",
        hint=f"Choose another port with {option}, or another address with --host.",
    )

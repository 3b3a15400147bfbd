"""Explorers of tiny models, and a page of one in a real browser."""

import json
import threading
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from keras_astro.explore.explorer import Explorer, open_target
from keras_astro.explore.server import ExploreServer


@pytest.fixture(scope="session")
def opened_run(lens_run):
    """The tiny lensing run with its test rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KASTRO_CACHE", str(lens_run.folder / "cache"))
        return open_target(lens_run.run.path, story=lambda _: None)


@pytest.fixture(scope="session")
def served(opened_run):
    """A running server: its `url`, and `get` for a path, as `(status, answer)`."""
    server = ExploreServer(Explorer([opened_run], seed=3))
    loop = threading.Thread(target=server.serve_forever, daemon=True)
    loop.start()

    def get(path, **headers):
        try:
            with urlopen(Request(server.url + path, headers=headers)) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    yield SimpleNamespace(url=server.url, get=get)
    server.shutdown()
    server.server_close()
    loop.join()

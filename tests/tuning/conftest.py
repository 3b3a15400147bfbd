"""Makes the fakes of this folder importable, by tests and by their subprocesses."""

import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

FOLDER = Path(__file__).parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

from fake_case import make_config, make_source  # noqa: E402
from fake_search import whole_search  # noqa: E402


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    # A collection after each trial takes longer than a trial of the fake case.
    monkeypatch.setattr("keras_astro.tuning.hypermodel.gc.collect", lambda: 0)
    # A Gaussian process of five points takes five times as long on several threads.
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def source():
    """Rows of the fake case: 60 normal, 12 labelled as anomalies."""
    return make_source()


@pytest.fixture
def config():
    """Small settings of the fake case."""
    return make_config()


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """Uninterrupted searches by oracle, each made once; not to be written to."""
    folder = tmp_path_factory.mktemp("whole")
    found = {}

    def get(oracle):
        if oracle not in found:
            found[oracle] = whole_search(folder / oracle, oracle)
        return found[oracle]

    return get

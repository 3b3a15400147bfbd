"""Shared fixtures: quiet TensorFlow, real data where a checkout has it."""

import contextlib
import functools
import importlib.util
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parents[1]
# harness.py and examples serve tests of several folders.
sys.path.insert(0, str(ROOT / "tests"))
SHARED = ROOT.parent / "shared" / "data"


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="store the numbers of tests/golden anew instead of comparing with them",
    )


@pytest.fixture(scope="session")
def update_golden(request):
    """Whether golden references are to be written instead of compared."""
    return request.config.getoption("--update-golden")


def pytest_sessionstart(session):
    if importlib.util.find_spec("keras_astro.tuning") is None:
        pytest.exit("keras_astro.tuning is not importable: run pip install -e .", 2)


# Folders whose tests share a trained run or a server.
SHARING = ("cli", "explore", "exports", "serving", "tuning")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A whole file, or such a folder, stays in one process: a run is trained once."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            folder = file.split("/")[1]
            return folder if folder in SHARING else file

    return Together(config, log)


@pytest.fixture(scope="session")
def root():
    """The repository root."""
    return ROOT


@pytest.fixture(scope="session")
def slc():
    """Folder of the real strong-lensing images (train.zip, validation.zip)."""
    folder = SHARED / "slc"
    if not folder.is_dir():
        pytest.skip("real lens images (shared/data/slc) are not beside this checkout")
    return folder


@pytest.fixture
def refused():
    """Context that expects this very kind of error, of one line, with given words."""

    @contextlib.contextmanager
    def expect(kind, *words, hint=None):
        with pytest.raises(kind) as caught:
            yield caught
        message = str(caught.value)
        assert type(caught.value) is kind
        assert "\n" not in message
        for word in words:
            assert str(word) in message
        if hint is not None:
            assert hint in (caught.value.hint or "")

    return expect


TINY = [
    "data.simulated_rows=300",
    "train.epochs=3",
    "train.jit=off",
    "preprocessing.pca_components=30",
    "scores.tangent_clusters=16",
    "scores.bootstrap=20",
    "physics.simulated_lenses=300",
    "physics.epochs=2",
    "physics.components=60",
]


@pytest.fixture(scope="session")
def lens_run(tmp_path_factory):
    """A tiny finished lensing run with its rows and their parts."""
    from keras_astro.tasks.catalog import get_task, load_config
    from keras_astro.tasks.default_data import open_rows
    from keras_astro.training.run import Run
    from keras_astro.training.train import load_or_make_split, make_parts, train

    folder = tmp_path_factory.mktemp("lens_run")
    config, task = load_config("lensing", TINY), get_task("lensing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KASTRO_CACHE", str(folder / "cache"))
        rows = open_rows(task, config, story=lambda _: None)
    run = Run.create(folder / "tiny", config)
    train(task, rows, run)
    parts = make_parts(rows, load_or_make_split(rows, run, config))
    return SimpleNamespace(run=run, rows=rows, parts=parts, folder=folder)


@pytest.fixture(scope="session")
def artefact(lens_run):
    """Exports the tiny run in a format and numeric type, each once."""

    @functools.cache
    def export(fmt, quantize):
        from keras_astro.exports.export import export_run

        return export_run(
            lens_run.run,
            lens_run.parts.calibration,
            lens_run.parts.test,
            fmt=fmt,
            quantize=quantize,
            out_dir=lens_run.folder / "exports" / f"{fmt}-{quantize}",
            story=lambda _: None,
        )

    return lambda fmt, quantize="none": export(fmt, quantize)


@pytest.fixture(scope="session")
def cgm_run(tmp_path_factory):
    """A tiny finished run on spectra of two lines, with its rows and their parts."""
    from keras_astro.data.sample import MemorySource
    from keras_astro.simulate.cgm import simulate
    from keras_astro.simulate.cgm_config import CgmSimulation
    from keras_astro.tasks.catalog import get_task, load_config
    from keras_astro.training.run import Run
    from keras_astro.training.train import load_or_make_split, make_parts, train

    folder = tmp_path_factory.mktemp("cgm_run")
    prior = CgmSimulation(
        pixels=400,
        first_angstrom=1445.0,
        lines=("H I 1215", "Si III 1206"),
        pixel_angstrom=0.07,
    )
    path = folder / "rows.npz"
    sample = simulate(prior, 220, seed=1)
    names = {"id": sample.meta["id"]}
    np.savez(path, **names, **sample.inputs, **sample.targets, **sample.axes)
    config = load_config(
        "cgm",
        [
            f"data.paths=[{path}]",
            "train.epochs=40",
            "train.learning_rate=0.005",
            "model.latent_dim=3",
            "model.hidden=[32]",
            "model.decoder_hidden=[32]",
            "system.lines=[H I 1215, Si III 1206]",
        ],
    )
    task, rows = get_task("cgm"), MemorySource(sample)
    run = Run.create(folder / "tiny", config)
    train(task, rows, run)
    parts = make_parts(rows, load_or_make_split(rows, run, config))
    return SimpleNamespace(run=run, rows=rows, parts=parts, folder=folder)


@pytest.fixture(scope="session")
def cgm_tflite(cgm_run):
    """The tiny run as a verified float16 file."""
    from keras_astro.exports.export import export_run

    return export_run(
        cgm_run.run,
        cgm_run.parts.calibration,
        cgm_run.parts.test,
        fmt="tflite",
        quantize="float16",
        out_dir=cgm_run.folder / "exports",
        story=lambda _: None,
    ).path


@pytest.fixture(scope="session")
def real_alerts():
    """Folder of real alerts (packets/, ztf_labelled.npz, lsst_unlabelled.npz)."""
    folder = SHARED / "alerts"
    if not folder.is_dir():
        pytest.skip("real alerts (shared/data/alerts) are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def packets():
    """Makes alert packets of each framing."""
    from packets import Packets

    return Packets()


@pytest.fixture(scope="session")
def broker():
    """A Kafka-compatible broker, started for the session and stopped after it."""
    from broker import started

    with started() as running:
        yield running


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    """A tab of a headless Chromium that reaches this machine alone."""
    from browser import Page, find_chromium

    if find_chromium() is None:
        pytest.skip("no Chromium on this machine")
    found = Page(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()

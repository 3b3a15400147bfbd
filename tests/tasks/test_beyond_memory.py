"""Training rows beyond the memory limit: the same numbers, from a file."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_astro.data.readers import open_many
from keras_astro.data.readers.open import Joined
from keras_astro.data.sample import MemorySource, Subset
from keras_astro.data.store import write_parts
from keras_astro.errors import ConfigError
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.tasks.stellar_regressor import moments
from keras_astro.training.fit import fit_stage
from keras_astro.training.run import Run
from keras_astro.training.train import train

FACTS = {"generator": "test", "config": {}, "seed": 0}
LIMIT = "data.memory_limit_mb=0"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KASTRO_CACHE", str(tmp_path / "cache"))


def parts_of(source, train_rows, held):
    held = Subset(source, np.arange(train_rows, train_rows + held))
    train = Subset(source, np.arange(train_rows))
    return SimpleNamespace(train=train, validation=held, calibration=held, test=held)


def rows_of(task, config, n):
    blocks = [MemorySource(block) for block in task.simulate(config, n, seed=1)]
    return Joined(blocks)


@pytest.mark.slow
def test_lenses_in_shards_beyond_the_limit_train_as_those_in_memory(lens_run, tmp_path):
    write_parts(tmp_path / "parts", lens_run.rows, 70, **FACTS)
    data = lens_run.run.config.data.model_copy(update={"memory_limit_mb": 0})
    config = lens_run.run.config.model_copy(update={"data": data})
    task = get_task("lensing")
    source = open_many([tmp_path / "parts"], task.schema)
    assert len(source.sources) == 5
    model = train(task, source, Run.create(tmp_path / "run", config))
    expected = lens_run.run.load_model().get_weights()
    for found, weight in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, weight)
    history = [r.path / "history.csv" for r in (lens_run.run, Run(tmp_path / "run"))]
    assert history[0].read_text() == history[1].read_text()


def both_ways(name, settings, rows):
    """The task, and settings and features: in memory, and in a file."""
    task = get_task(name)
    source = rows_of(task, load_config(name, settings), rows)
    parts = parts_of(source, rows - 40, 40)
    configs = [load_config(name, [*settings, *limit]) for limit in ((), (LIMIT,))]
    return task, [(config, task.prepare(config, parts)) for config in configs]


@pytest.mark.slow
def test_frames_of_convolutional_lenses_come_from_a_file():
    settings = [
        "model.kind=conv",
        "preprocessing.pca_components=20",
        "preprocessing.bin_pixels=10",
        "physics.enabled=false",
        "train.epochs=1",
        "train.jit=off",
    ]
    task, ways = both_ways("lensing", settings, 104)
    weights = []
    for config, prepared in ways:
        keras.utils.set_random_seed(0)
        (stage,) = task.stages(config, prepared)
        fit_stage(stage, config.train, seed=0)
        weights.append(stage.model.get_weights())
    for mine, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(mine, other)
    (_, held), (_, filed) = ways
    assert type(held.features) is np.ndarray
    assert isinstance(filed.features, np.memmap)
    np.testing.assert_array_equal(held.features, filed.features)
    np.testing.assert_array_equal(held.coefficients, filed.coefficients)
    assert len(held.features) == 4 * 64


def test_spectra_of_direct_stellar_networks_come_from_a_file():
    settings = [
        "model.regressor=direct_cnn",
        "model.members=2",
        "simulation.pixels=256",
        "preprocessing.pca_components=10",
    ]
    _, ((_, held), (_, filed)) = both_ways("stellar", settings, 100)
    assert isinstance(filed.train.normalised, np.memmap)
    found, expected = moments(filed.train.normalised), held.train.normalised
    np.testing.assert_allclose(found, [expected.mean(), expected.std()], rtol=1e-4)
    np.testing.assert_array_equal(held.train.normalised, filed.train.normalised)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("cgm", []),
        ("alerts", []),
        ("galaxies", ["streaming.enabled=false"]),
    ],
)
def test_cases_that_hold_their_rows_refuse(name, settings, refused):
    task, config = get_task(name), load_config(name, [*settings, LIMIT])
    source = rows_of(task, config, 8)
    words = f"{name} holds its training rows in memory: 6 rows", "= 0"
    with refused(ConfigError, *words, hint="--set data.memory_limit_mb="):
        task.prepare(config, parts_of(source, 6, 2))

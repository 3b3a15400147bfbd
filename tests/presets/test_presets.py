"""Trained presets: found by name, made by their recipe, and as good as they say."""

import numpy as np
import pytest

from keras_astro.errors import UsageError
from keras_astro.inference.predictor import open_predictor
from keras_astro.presets import preset_path
from keras_astro.simulate.galaxy_config import PARAMETERS, GalaxySimulation
from keras_astro.simulate.galaxy_stream import GalaxyStream
from keras_astro.tasks.catalog import load_config


def test_unknown_presets_are_refused(refused):
    with refused(UsageError, "nebulae", "galaxies"):
        preset_path("nebulae")


def test_the_recipe_is_valid_and_the_file_is_small():
    path = preset_path("galaxies")
    config = load_config(str(path.with_suffix(".yaml")))
    assert config.train.epochs * config.streaming.rows_per_epoch == 2_359_296
    assert path.stat().st_size < 2e6


@pytest.mark.parametrize(
    ("recipe", "published"),
    [
        ("v1", (5963.0, 0.788, 0.0467, 0.0727, 0.0744)),
        ("v3", (9856.0, 0.990, 0.0564, 0.1073, 0.1057)),
    ],
)
def test_galaxies_are_measured_as_published_or_better(recipe, published):
    stream = GalaxyStream([GalaxySimulation.preset(recipe)], seed=4242)
    inputs, truth = stream(0, 400)
    found = open_predictor(preset_path("galaxies")).run("predict", inputs)
    mean = np.stack([found[name] for name in PARAMETERS], axis=1)
    ratio = np.sqrt(np.mean((mean - truth) ** 2, axis=0)) / published
    # The errors of 400 rows are known to 4 per cent.
    assert np.exp(np.mean(np.log(ratio))) < 1.0

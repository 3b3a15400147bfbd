"""Presets: found by name, whole, small, and with the recipe that made them."""

import numpy as np
import pytest

from keras_astro.errors import UsageError
from keras_astro.inference.manifest import read_manifest
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.presets import preset_files, recipe, resolve_preset
from keras_astro.simulate.galaxy_config import PARAMETERS, GalaxySimulation
from keras_astro.simulate.galaxy_stream import GalaxyStream
from keras_astro.tasks.catalog import CATALOG, load_config

NAMES = sorted(preset_files())


def test_presets_are_there():
    assert set(CATALOG) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_preset_is_small_verified_and_trained_by_its_recipe(name):
    path = resolve_preset(f"preset:{name}")
    assert path.stat().st_size <= 2_000_000
    manifest = read_manifest(path)
    assert (manifest["task"], manifest["quantization"]) == (name, "float16")
    assert manifest["metrics"]
    found = load_config(str(recipe(name))).model_dump(mode="json")
    # Settings that came later have a default that changes nothing, and "auto" is the
    # number of steps that was the default when most of these were trained.
    steps = manifest["settings"]["train"]["steps_per_execution"]
    assert steps in (16, found["train"]["steps_per_execution"])
    found["train"]["steps_per_execution"] = steps
    assert manifest["settings"]["seed"] == found["seed"]
    for section, settings in manifest["settings"].items():
        # Nothing was fine-tuned: these are of another verb.
        if isinstance(settings, dict) and section != "finetune":
            assert settings.items() <= found[section].items()
    assert "predict" in open_predictor(path).signatures


def test_unknown_presets_are_one_error(refused):
    words = "preset:lensin", "did you mean preset:lensing?"
    with refused(UsageError, *words, hint="kastro tasks"):
        resolve_preset("preset:lensin")


@pytest.mark.parametrize(
    ("simulated", "published"),
    [
        ("v1", (5963.0, 0.788, 0.0467, 0.0727, 0.0744)),
        ("v3", (9856.0, 0.990, 0.0564, 0.1073, 0.1057)),
    ],
)
def test_galaxies_are_measured_as_published_or_better(simulated, published):
    stream = GalaxyStream([GalaxySimulation.preset(simulated)], seed=4242)
    inputs, truth = stream(0, 400)
    found = open_predictor(resolve_preset("preset:galaxies")).run("predict", inputs)
    mean = np.stack([found[name] for name in PARAMETERS], axis=1)
    ratio = np.sqrt(np.mean((mean - truth) ** 2, axis=0)) / published
    # The errors of 400 rows are known to 4 per cent.
    assert np.exp(np.mean(np.log(ratio))) < 1.0

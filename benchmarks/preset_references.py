"""Gives presets that were exported without it the reference that drift is told by.

A new export holds it by itself. The rows are those that the recipe of the preset held
back from training: its default set is simulated again and divided by its seed. That
they are the same rows is checked by the p-values of those that calibrated it, which
must come out as their own ranks.

    python benchmarks/preset_references.py lensing stellar cgm alerts galaxies
"""

from __future__ import annotations

import functools
import sys
import zipfile
from pathlib import Path

import numpy as np

from keras_astro.data.sample import Source
from keras_astro.exports.card import model_card
from keras_astro.exports.tflite import append_files
from keras_astro.inference.held_out import reference_of
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.presets import preset_files, recipe
from keras_astro.tasks.base import Parts
from keras_astro.tasks.catalog import get_task, load_config, model_rows
from keras_astro.tasks.default_data import open_rows
from keras_astro.training.train import make_parts, make_split, row_facts

# Of a p-value from the rank of its row: float16 moves some past their neighbours.
# Of as many other rows, one in a thousand sets would come so near.
LARGEST = 0.35


def held_back(name: str) -> Parts:
    """The rows of a preset's recipe, divided as when it was trained."""
    config = load_config(str(recipe(name)))
    rows = open_rows(get_task(name), config, story=print)
    ids, groups, anomalous = row_facts(rows)
    split = make_split(groups, anomalous, config.data, seed=config.seed, ids=ids)
    return make_parts(rows, split)


def check(predictor: Predictor, calibration: Source) -> None:
    """Stops where the rows are not those that the preset was calibrated on."""
    if "n" not in predictor.manifest["calibration"]:
        return
    found = np.sort(predictor.run("predict", calibration.read().inputs)["p_value"])
    rows = len(found)
    ranks = np.arange(1, rows + 1) / (rows + 1)
    distance = np.sqrt(rows) * np.abs(found - ranks).max()
    print(f"{predictor.path.name}: {rows} rows, sqrt(n) D = {distance:.3f}")
    if rows != predictor.manifest["calibration"]["n"] or distance > LARGEST:
        raise SystemExit("the rows are not those that it was calibrated on")


def referenced(path: Path, reference: dict) -> None:
    """Rewrites the files behind the model, which stays as it is."""
    with zipfile.ZipFile(path) as archive:
        end = min(entry.header_offset for entry in archive.infolist())
    manifest = open_predictor(path).manifest | {"reference": reference}
    content = path.read_bytes()[:end]
    staged = path.with_suffix(".part")
    staged.write_bytes(content)
    append_files(staged, manifest, model_card(manifest))
    staged.replace(path)


def main() -> None:
    """Treats the presets that are named."""
    for name in sys.argv[1:]:
        path = preset_files()[name]
        predictor, parts = open_predictor(path), held_back(name)
        manifest = predictor.manifest
        calibration = model_rows(parts.calibration, manifest)
        check(predictor, calibration)
        sources = [calibration, model_rows(parts.validation, manifest)]
        predict = functools.partial(predictor.run, "predict")
        referenced(path, reference_of(predict, sources, manifest))
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()

"""Damaged, foreign and unfinished models: one line and the right exit code."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from keras_astro.errors import ArtefactError
from keras_astro.inference.predictor import open_predictor


@pytest.fixture
def tflite(artefact, tmp_path):
    return shutil.copy(artefact("tflite").path, tmp_path / "a.tflite")


@pytest.fixture
def saved_model(artefact, tmp_path):
    return shutil.copytree(artefact("saved_model").path, tmp_path / "a") / "1"


@pytest.fixture
def run(lens_run, tmp_path):
    skip = shutil.ignore_patterns("checkpoints", "exports")
    return shutil.copytree(lens_run.run.path, tmp_path / "a", ignore=skip)


def model_end(path):
    with zipfile.ZipFile(path) as archive:
        return archive.infolist()[0].header_offset


def overwrite(path, at, content=b"\xff" * 64):
    data = bytearray(path.read_bytes())
    start = int(at * len(data))
    data[start : start + len(content)] = content
    path.write_bytes(data)


def cannot_open(refused, path, *words, hint):
    with refused(ArtefactError, *words, hint=hint) as caught:
        open_predictor(path)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("kept", [0, 1000, 0.5, 0.99, 0.9999])
def test_truncated_tflite(tflite, refused, kept):
    data = tflite.read_bytes()
    tflite.write_bytes(data[: int(kept * len(data)) if kept < 1 else kept])
    cannot_open(refused, tflite, tflite, "manifest.json", hint="export it again")


@pytest.mark.parametrize("at", [0, 0.0005, 0.3, 0.5, 0.8, 0.95])
def test_flipped_bytes_in_a_tflite(tflite, refused, at):
    overwrite(tflite, at)
    cannot_open(refused, tflite, tflite, "its hash differs", hint="copy or export")


def test_flipped_bytes_in_the_manifest(tflite, refused):
    overwrite(tflite, (model_end(tflite) + 200) / tflite.stat().st_size)
    cannot_open(refused, tflite, tflite, "manifest.json", hint="export it again")


def test_foreign_tflite(tflite, refused):
    tflite.write_bytes(tflite.read_bytes()[: model_end(tflite)])
    cannot_open(refused, tflite, "found none", hint="not made by kastro export")
    tflite.write_text("hello")
    cannot_open(refused, tflite, "found none", hint="not made by kastro export")


@pytest.mark.parametrize("manifest", ["[]", "{}", '{"schema_version": 99}', "{"])
def test_zip_with_another_manifest(tflite, refused, manifest):
    with zipfile.ZipFile(tflite, "w") as archive:
        archive.writestr("manifest.json", manifest)
    with refused(ArtefactError, tflite):
        open_predictor(tflite)


def test_manifest_without_a_model(tflite, refused):
    with zipfile.ZipFile(tflite, "w") as archive:
        archive.writestr("manifest.json", json.dumps({"schema_version": 1}))
    cannot_open(refused, tflite, "runtime cannot load it", hint="export it again")


def test_saved_model_without_manifest(saved_model, refused):
    shutil.rmtree(saved_model / "assets.extra")
    cannot_open(
        refused, saved_model, "assets.extra/manifest.json", hint="kastro export"
    )


@pytest.mark.parametrize(
    "file",
    ["saved_model.pb", "variables/variables.index", "variables/variables.data"],
)
@pytest.mark.parametrize("damage", ["truncated", "flipped", "absent"])
def test_damaged_saved_model(saved_model, refused, file, damage):
    path = next(saved_model.glob(file + "*"))
    if damage == "absent":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        overwrite(path, 0.3)
    with refused(ArtefactError, saved_model if damage != "absent" else "") as caught:
        open_predictor(saved_model)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("missing", ["model.keras", "manifest.json"])
def test_unfinished_run(run, refused, missing):
    (run / missing).unlink()
    words = (run, "training is not finished")
    cannot_open(refused, run, *words, hint="config.yaml --resume -o")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "text"])
def test_damaged_run(run, refused, damage):
    path = run / "model.keras"
    if damage == "text":
        path.write_text("hello")
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-1000])
    else:
        overwrite(path, 0.5, np.random.default_rng(0).bytes(4000))
    cannot_open(refused, run, path, hint="train or copy it again")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": 0}'])
def test_damaged_manifest_of_a_run(run, refused, content):
    (run / "manifest.json").write_text(content)
    with refused(ArtefactError, run):
        open_predictor(run)


def test_paths_that_are_no_model(tmp_path, refused):
    cannot_open(refused, tmp_path / "x", tmp_path / "x", "no such run", hint="")
    cannot_open(refused, tmp_path, "expected a run folder", hint="kastro runs list")
    (tmp_path / "a.txt").write_text("x")
    cannot_open(refused, tmp_path / "a.txt", "expected a run folder", hint="kastro")

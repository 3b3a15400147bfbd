"""The card of a run or an artefact, read without loading a model."""

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def artefact(kastro, trained):
    folder, _ = trained
    words = "export", folder, "--format", "tflite", "--overwrite", "--json"
    return json.loads(kastro(*words).done().out)["path"]


def test_the_card_of_an_artefact(kastro, artefact):
    text = kastro("inspect", artefact).done().out
    for words in ("(lensing)", "float16", "held-out normal rows", "| predict | image"):
        assert words in text
    found = json.loads(kastro("inspect", artefact, "--json").done().out)["manifest"]
    assert found["task"] == "lensing"
    assert found["model_sha256"] in text


def test_the_card_of_a_run(kastro, trained):
    assert "auc_combined" in kastro("inspect", trained[0]).done().out


def test_a_tampered_artefact_has_no_card(kastro, artefact, tmp_path):
    content = bytearray(Path(artefact).read_bytes())
    content[5000] ^= 1
    path = tmp_path / "a.tflite"
    path.write_bytes(content)
    kastro("inspect", path).refused(5, "its hash differs")


def test_what_is_no_artefact(kastro, tmp_path):
    kastro("inspect", tmp_path / "absent").refused(5, "no such run or artefact")

"""What a model file that cannot be read tells its owner."""

import json
import zipfile

import keras
import pytest

from keras_astro.errors import ArtefactError
from keras_astro.layers.unit_rows import UnitRows
from keras_astro.training.saving import load_model, save_model


@pytest.fixture
def outdated(tmp_path):
    """A model with a layer that this version does not have."""
    inputs = keras.Input((3,))
    path = tmp_path / "model.keras"
    save_model(keras.Model(inputs, UnitRows()(inputs)), path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["config.json"] = files["config.json"].replace(b"UnitRows", b"BygoneRows")
    assert b"BygoneRows" in files["config.json"]
    json.loads(files["config.json"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_network_of_another_version_says_so(outdated):
    with pytest.raises(ArtefactError, match="found BygoneRows") as caught:
        load_model(outdated)
    assert "truncated" not in caught.value.hint
    config = outdated.with_name("config.yaml")
    config.write_text("task: alerts\n")
    with pytest.raises(ArtefactError) as caught:
        load_model(outdated)
    assert f"kastro train {config} -o" in caught.value.hint


def test_a_damaged_file_says_so(outdated):
    outdated.write_bytes(outdated.read_bytes()[:200])
    with pytest.raises(ArtefactError, match="not a model") as caught:
        load_model(outdated)
    assert "truncated" in caught.value.hint

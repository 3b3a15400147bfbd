"""What a model file that cannot be read tells its owner."""

import json
import zipfile

import keras
import pytest

from keras_astro.errors import ArtefactError
from keras_astro.layers.temperature import TemperatureScaling
from keras_astro.training.saving import load_model, save_model


@pytest.fixture
def saved(tmp_path):
    """A model with a layer of this package."""
    inputs = keras.Input((3,))
    path = tmp_path / "model.keras"
    save_model(keras.Model(inputs, TemperatureScaling()(inputs)), path)
    return path


@pytest.fixture
def outdated(saved):
    """A model with a layer that this version does not have."""
    rewrite(saved, lambda text: text.replace("TemperatureScaling", "Bygone"))
    return saved


def rewrite(path, change):
    """Changes the description of a model in its file."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    before = files["config.json"].decode()
    after = change(before)
    assert after != before
    files["config.json"] = after.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def test_a_network_of_another_version_says_so(outdated):
    with pytest.raises(ArtefactError, match="found Bygone") as caught:
        load_model(outdated)
    assert "truncated" not in caught.value.hint
    config = outdated.with_name("config.yaml")
    config.write_text("task: alerts\n")
    with pytest.raises(ArtefactError) as caught:
        load_model(outdated)
    assert f"kastro train {config} -o" in caught.value.hint


def test_a_fine_tuned_network_is_to_be_fine_tuned_again(outdated):
    for name in ("config.yaml", "adaptation.json"):
        outdated.with_name(name).write_text("{}\n")
    with pytest.raises(ArtefactError) as caught:
        load_model(outdated)
    assert "kastro finetune NEW_PARENT" in caught.value.hint
    assert "kastro train" not in caught.value.hint


def test_a_layer_of_other_arguments_is_no_truncated_file(saved):
    def other_argument(text):
        content = json.loads(text)
        for layer in content["config"]["layers"]:
            if layer["class_name"] == "TemperatureScaling":
                layer["config"]["bygone"] = 1
        return json.dumps(content)

    rewrite(saved, other_argument)
    with pytest.raises(ArtefactError, match="not a model") as caught:
        load_model(saved)
    assert "Another version" in caught.value.hint
    assert "truncated" not in caught.value.hint


def test_a_damaged_file_says_so(outdated):
    outdated.write_bytes(outdated.read_bytes()[:200])
    with pytest.raises(ArtefactError, match="not a model") as caught:
        load_model(outdated)
    assert "truncated" in caught.value.hint

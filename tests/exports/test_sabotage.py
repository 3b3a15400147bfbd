"""Models that are wrong in ways that files, shapes and hashes do not show."""

import json
import zipfile

import numpy as np
import pytest

from keras_astro.errors import ArtefactError, VerificationError
from keras_astro.exports import export
from keras_astro.inference.predictor import open_predictor


def filled(model, content, value):
    """The file's first kernel overwritten by one value."""
    kernel = np.asarray(model.get_layer("encoder").weights[0]).T.copy()
    start = content.index(kernel.tobytes())
    other = np.full_like(kernel, value).tobytes()
    return content[:start] + other + content[start + kernel.nbytes :]


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "model"), (np.nan, "NaN or infinite")]
)
def test_lost_weights_are_found(
    quick_export, model, model_bytes, monkeypatch, tmp_path, refused, value, words
):
    wrong = filled(model, model_bytes, value)
    monkeypatch.setattr(export, "convert", lambda *_, **__: wrong)
    with refused(VerificationError, words) as caught:
        quick_export()
    assert caught.value.exit_code == 6
    assert not list(tmp_path.iterdir())


def permuted(rows):
    """Axes swapped, as by a converter of other conventions."""
    return rows | {"image": rows["image"].swapaxes(1, 2)}


def in_other_units(rows):
    """Shifted as from magnitudes: the scale alone does not matter to this model."""
    return rows | {"image": -2.5 * np.log10(np.abs(rows["image"]) + 1e-3)}


@pytest.mark.parametrize("change", [permuted, in_other_units])
def test_inputs_taken_for_others_are_found(
    quick_export, monkeypatch, tmp_path, refused, change
):
    from keras_astro.exports import verify

    reload = verify.reload
    monkeypatch.setattr(
        verify, "reload", lambda path, chosen, rows: reload(path, chosen, change(rows))
    )
    with refused(VerificationError, "differs from the model by"):
        quick_export()
    assert not list(tmp_path.iterdir())


def test_the_manifest_of_another_model_is_found(artefact, tmp_path, refused):
    source = artefact("tflite").path
    with zipfile.ZipFile(source) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        end = min(entry.header_offset for entry in archive.infolist())
    stale = tmp_path / "stale.tflite"
    content = bytearray(source.read_bytes()[:end])
    content[end // 2] ^= 1
    stale.write_bytes(content)
    with zipfile.ZipFile(stale, "a") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
    with refused(ArtefactError, stale, "hash differs"):
        open_predictor(stale)

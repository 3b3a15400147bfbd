"""One model, four homes: run folder, SavedModel, TFLite; all through one call."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from keras_astro.errors import ArtefactError, DataError
from keras_astro.inference.predictor import open_predictor

# Largest root mean square difference from the run, in sd of an output over rows.
LOOSE = {"float16": 0.02, "dynamic": 0.1, "int8": 0.1}
STEPS = ("p_value", "is_anomaly")

WITHOUT_TENSORFLOW = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "keras", "tf_keras"):
            raise ImportError(name + " was imported")
sys.meta_path.insert(0, Refuse())
from keras_astro.cli.main import main
sys.argv[0] = "kastro"
main()
"""


@pytest.fixture(scope="module")
def images(lens_run):
    return lens_run.parts.test.read(0, 70).inputs["image"]


@pytest.fixture(scope="module")
def reference(lens_run, images):
    return open_predictor(lens_run.run.path).run("predict", {"image": images})


@pytest.mark.parametrize("fmt", ["saved_model", "tflite"])
def test_full_precision_gives_the_same_table(artefact, images, reference, fmt):
    found = open_predictor(artefact(fmt).path).run("predict", {"image": images})
    assert found.keys() == reference.keys()
    for name, wanted in reference.items():
        assert found[name].shape == wanted.shape
        assert found[name].dtype == np.float32
        atol = 1e-4 * np.abs(wanted).max()
        np.testing.assert_allclose(found[name], wanted, rtol=1e-4, atol=atol)


@pytest.mark.parametrize("quantize", LOOSE)
def test_fewer_bits_stay_close(artefact, images, reference, quantize):
    path = artefact("tflite", quantize).path
    found = open_predictor(path).run("predict", {"image": images})
    assert found.keys() == reference.keys()
    for name in reference.keys() - set(STEPS):
        error = np.sqrt(np.mean((found[name] - reference[name]) ** 2))
        assert error <= LOOSE[quantize] * reference[name].std(), name
    flags = found["is_anomaly"] != reference["is_anomaly"]
    assert flags.mean() <= 0.03
    order = np.corrcoef(found["p_value"], reference["p_value"])[0, 1]
    assert order > 0.98


@pytest.mark.parametrize("kind", ["run", "saved_model", "tflite"])
def test_every_signature_in_batches_of_any_size(artefact, lens_run, images, kind):
    path = lens_run.run.path if kind == "run" else artefact(kind).path
    predictor = open_predictor(path)
    names = ["decode", "encode", "predict", "reconstruct", "score"]
    assert predictor.signatures == names
    codes = predictor.run("encode", {"image": images[:5]})["z"]
    inputs = {"image": images[:5], "z": codes}
    for name in names:
        whole = predictor.run(name, inputs)
        parts = predictor.run(name, inputs, batch_size=2)
        for key, value in whole.items():
            assert len(value) == 5
            np.testing.assert_allclose(parts[key], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["run", "saved_model", "tflite"])
def test_a_reconstruction_is_the_mean_over_mirror_images(
    artefact, lens_run, images, kind
):
    path = lens_run.run.path if kind == "run" else artefact(kind).path
    predictor = open_predictor(path)
    views = []
    for axes in ((), (1,), (2,), (1, 2)):
        mirrored = {"image": np.flip(images[:5], axes)}
        z = predictor.run("encode", mirrored)
        decoded = predictor.run("decode", z)["reconstruction"]
        views.append(np.flip(decoded, axes))
    drawn = predictor.run("reconstruct", {"image": images[:5]})["reconstruction"]
    np.testing.assert_allclose(np.mean(views, axis=0), drawn, atol=1e-4)
    assert np.abs(views[0] - drawn).max() > 1e-3


def test_tflite_needs_no_tensorflow(artefact, lens_run, images, tmp_path):
    np.savez(tmp_path / "a.npz", image=images)
    out = tmp_path / "a.ecsv"
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, "predict"]
    model = str(artefact("tflite").path)
    done = subprocess.run(
        [*command, model, str(tmp_path / "a.npz"), "-o", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len([r for r in out.read_text().splitlines() if r[0] != "#"]) == 71
    refused = subprocess.run(
        [*command, str(lens_run.run.path), str(tmp_path / "a.npz"), "-o", "b.csv"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    # The hook is real: a run folder does need TensorFlow.
    assert refused.returncode != 0
    assert not (tmp_path / "b.csv").exists()


@pytest.mark.parametrize("kind", ["run", "saved_model", "tflite"])
def test_wrong_inputs_and_signatures(artefact, lens_run, images, refused, kind):
    path = lens_run.run.path if kind == "run" else artefact(kind).path
    predictor = open_predictor(path)
    with refused(ArtefactError, "no signature 'ensemble'", "decode, encode, predict"):
        predictor.run("ensemble", {"image": images})
    with refused(DataError, "(70, 32, 64, 1)", "(64, 64, 1)"[1:], hint="Bring"):
        predictor.run("predict", {"image": images[:, :32]})
    for wrong in (images[0], images[:0], images[..., [0, 0]], np.float32(3)):
        with refused(DataError, "expected image of shape", hint="Bring"):
            predictor.run("predict", {"image": wrong})
    with refused(DataError, "needs the input image, found ['z']"):
        predictor.run("predict", {"z": images})


def test_int8_file_has_every_signature(artefact, images):
    whole = open_predictor(artefact("tflite", "none").path)
    predictor = open_predictor(artefact("tflite", "int8").path)
    assert predictor.signatures == whole.signatures
    found, wanted = (
        model.run("encode", {"image": images})["z"] for model in (predictor, whole)
    )
    assert 0 < np.std(found - wanted) < 0.2 * wanted.std()


def test_newest_version_of_a_saved_model(artefact, tmp_path):
    shutil.copytree(artefact("saved_model").path, tmp_path / "a")
    shutil.copytree(tmp_path / "a" / "1", tmp_path / "a" / "10")
    shutil.copytree(tmp_path / "a" / "1", tmp_path / "a" / "9")
    assert open_predictor(tmp_path / "a").path.name == "10"
    assert open_predictor(tmp_path / "a" / "9").path.name == "9"

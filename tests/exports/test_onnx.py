"""ONNX: the same gates, no TensorFlow to run it, and a file that knows itself."""

import importlib.util
import json

import numpy as np
import pytest

from keras_astro.errors import ArtefactError, MissingExtraError
from keras_astro.inference.manifest import read_manifest
from keras_astro.inference.onnx_file import append_manifest
from keras_astro.inference.predictor import open_predictor

# An IR version of 8, as in every ONNX file's first field, and a producer.
MODEL = b"\x08\x08\x12\x04test"
MANIFEST = {"schema_version": 1, "task": "lensing", "text": "x" * 300}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(MODEL)
    append_manifest(path, MANIFEST, "# card")
    return path


def test_the_manifest_is_behind_the_model(file):
    assert file.read_bytes().startswith(MODEL)
    found = read_manifest(file)
    assert {k: found[k] for k in MANIFEST} == MANIFEST


@pytest.mark.parametrize("damage", ["cut", "altered", "foreign", "empty"])
def test_damaged_files_are_refused(file, refused, damage):
    content = file.read_bytes()
    changed = {
        "cut": content[:-20],
        "altered": b"\x08\x09" + content[2:],
        "foreign": MODEL,
        "empty": b"",
    }[damage]
    file.write_bytes(changed)
    with refused(ArtefactError, file, hint="export it again"):
        read_manifest(file)


def test_the_extra_is_named(file, monkeypatch, refused):
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with refused(MissingExtraError, "onnxruntime", hint="keras-astro[onnx]"):
        open_predictor(file)


needs_onnx = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("tf2onnx", "onnxruntime")),
    reason="needs the extra: pip install keras-astro[onnx]",
)


@needs_onnx
def test_an_export_is_verified_and_gives_the_runs_numbers(artefact, lens_run, verified):
    result = artefact("onnx")
    assert result.path.name == "lensing.onnx"
    assert set(result.verification["outputs"]) == {
        name for name in verified[2] if name.startswith("predict/")
    }
    predictor = open_predictor(result.path)
    assert predictor.signatures == ["predict"]
    rows = lens_run.parts.test.read(0, 70)
    found = predictor.run("predict", rows.inputs)
    assert found.keys() == predictor.manifest["signatures"]["predict"]["outputs"].keys()
    for name, value in found.items():
        wanted = verified[2][f"predict/{name}"][:70]
        np.testing.assert_allclose(value, wanted, rtol=2e-3, atol=2e-3, err_msg=name)


@needs_onnx
def test_other_programs_read_the_file(artefact, lens_run):
    import onnx
    import onnxruntime

    path = artefact("onnx").path
    onnx.checker.check_model(str(path))
    session = onnxruntime.InferenceSession(str(path))
    (entry,) = session.get_inputs()
    assert (entry.name, entry.shape[1:]) == ("image", [64, 64, 1])
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["kastro_manifest"])["task"] == "lensing"
    assert properties["kastro_card"].startswith("# tiny (lensing)")
    image = lens_run.parts.test.read(0, 3).inputs["image"]
    assert session.run(["score"], {"image": image})[0].shape == (3,)


@needs_onnx
def test_missing_pixels_and_resized_images_are_those_of_keras():
    import keras
    import onnxruntime
    from keras import ops

    from keras_astro.exports.onnx import convert_onnx

    image = keras.Input((11, 11, 2), name="image")
    filled = ops.where(ops.abs(image) < 1e30, image, ops.zeros_like(image))
    # 11 times the float32 of 21 / 11 is less than 21, and 20 rows would be made.
    large = {
        kind: keras.layers.Resizing(21, 21, interpolation=kind)(filled)
        for kind in ("bilinear", "nearest")
    }
    model = keras.Model({"image": image}, large)
    rows = np.random.default_rng(1).normal(size=(3, 11, 11, 2)).astype("float32")
    rows[1, 4] = np.nan
    session = onnxruntime.InferenceSession(convert_onnx(model))
    wanted = model.predict_on_batch({"image": rows})
    for kind, found in zip(
        large, session.run(list(large), {"image": rows}), strict=True
    ):
        np.testing.assert_allclose(found, wanted[kind], atol=1e-5)
        assert np.isfinite(found).all()


@needs_onnx
def test_aligned_corners_are_refused(refused):
    import keras
    import tensorflow as tf

    from keras_astro.errors import ArtefactError
    from keras_astro.exports.onnx import convert_onnx

    class Aligned(keras.layers.Layer):
        def call(self, image):
            resize = tf.compat.v1.image.resize_bilinear
            return resize(image, (7, 7), align_corners=True)

    image = keras.Input((4, 4, 1), name="image")
    model = keras.Model({"image": image}, {"large": Aligned()(image)})
    with refused(ArtefactError, "aligned corners"):
        convert_onnx(model)


@needs_onnx
def test_lost_weights_are_found(artefact, lens_run, monkeypatch, refused, tmp_path):
    import onnx

    from keras_astro.errors import VerificationError
    from keras_astro.exports import export

    model = onnx.load(str(artefact("onnx").path))
    largest = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    largest.raw_data = bytes(len(largest.raw_data))
    del model.metadata_props[:]
    monkeypatch.setattr(export, "convert_onnx", lambda _: model.SerializeToString())
    with refused(VerificationError, "model"):
        export.export_run(
            lens_run.run,
            lens_run.parts.calibration,
            lens_run.parts.test,
            fmt="onnx",
            out_dir=tmp_path / "a",
            story=lambda _: None,
        )
    assert not list(tmp_path.iterdir())

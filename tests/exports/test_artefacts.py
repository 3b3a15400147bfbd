"""What an artefact holds: signatures, manifest, card, built-in operations."""

import json
import zipfile

import numpy as np
import pytest

from keras_astro.inference.predictor import open_predictor

TFLITE = ("none", "float16", "dynamic", "int8")
TABLE = {
    *("score", "p_value", "is_anomaly", "reconstruction_mse", "residual_max"),
    *("tangent_residual", "einstein_radius_pull", "theta_E_arcsec"),
    *("theta_E_error_arcsec", "e1", "gamma1", "z"),
}
# Signature: inputs and outputs with their shapes after the row axis.
SIGNATURES = {
    "predict": ({"image": [64, 64, 1]}, {n: [] for n in TABLE} | {"z": [10]}),
    "encode": ({"image": [64, 64, 1]}, {"z": [10]}),
    "decode": ({"z": [10]}, {"reconstruction": [32, 32, 1]}),
    "reconstruct": (
        {"image": [64, 64, 1]},
        {"frame": [32, 32, 1], "reconstruction": [32, 32, 1]},
    ),
    "score": (
        {"image": [64, 64, 1]},
        {"score": [], "p_value": [], "is_anomaly": [], "anomaly_map": [32, 32]},
    ),
}


def associated(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def check_manifest(manifest, quantize):
    wanted = SIGNATURES
    assert manifest["quantization"] == quantize
    assert manifest["signatures"].keys() == wanted.keys()
    for name, groups in wanted.items():
        for kind, tensors in zip(("inputs", "outputs"), groups, strict=True):
            found = manifest["signatures"][name][kind]
            shapes = {k: spec["shape"] for k, spec in found.items()}
            assert shapes == {k: [None, *shape] for k, shape in tensors.items()}
            assert all(spec["dtype"] == "float32" for spec in found.values())
            assert all(spec["description"] for spec in found.values())
    outputs = manifest["signatures"]["predict"]["outputs"]
    units = {name: spec["units"] for name, spec in outputs.items() if spec["units"]}
    assert units == {"theta_E_arcsec": "arcsec", "theta_E_error_arcsec": "arcsec"}


@pytest.mark.parametrize("quantize", TFLITE)
def test_tflite_carries_manifest_and_card(artefact, lens_run, quantize):
    files = associated(artefact("tflite", quantize).path)
    assert list(files) == ["manifest.json", "card.md"]
    manifest = json.loads(files["manifest.json"])
    check_manifest(manifest, quantize)
    calibration = manifest["calibration"]
    assert calibration["n"] == len(lens_run.parts.calibration)
    assert calibration["false_positive_rate"] == 0.01
    assert np.isfinite(calibration["threshold"])
    assert manifest["classes"] == ["no substructure", "substructure"]
    card = files["card.md"]
    assert card.startswith("# tiny (lensing)")
    assert f"numeric type: {quantize}" in card
    assert f"come from {calibration['n']} held-out normal rows" in card
    assert "| predict | image (input) | batchx64x64x1 |" in card
    assert "| decode | z (input) |" in card
    assert ("of the weights in 8 bits" in card) == (quantize == "int8")


def test_saved_model_carries_manifest_and_card(artefact):
    version = artefact("saved_model").path / "1"
    check_manifest(
        json.loads((version / "assets.extra" / "manifest.json").read_text()), "none"
    )
    assert "## Signatures" in (version / "assets.extra" / "card.md").read_text()


@pytest.mark.parametrize("quantize", TFLITE)
def test_only_built_in_operations(artefact, quantize):
    from ai_edge_litert import schema_py_generated as schema

    content = artefact("tflite", quantize).path.read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    assert model.operatorCodes
    for code in model.operatorCodes:
        assert code.customCode is None
        assert code.builtinCode != schema.BuiltinOperator.CUSTOM


@pytest.mark.parametrize("quantize", TFLITE)
def test_tflite_signatures_are_golden(artefact, quantize):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(artefact("tflite", quantize).path))
    found = interpreter.get_signature_list()
    assert found == {
        name: {"inputs": sorted(inputs), "outputs": sorted(outputs)}
        for name, (inputs, outputs) in SIGNATURES.items()
    }
    for name, groups in SIGNATURES.items():
        runner = interpreter.get_signature_runner(name)
        details = (runner.get_input_details(), runner.get_output_details())
        for kind, tensors in zip(details, groups, strict=True):
            assert all(d["dtype"] is np.float32 for d in kind.values())
            shapes = {k: list(d["shape_signature"]) for k, d in kind.items()}
            assert shapes == {k: [-1, *shape] for k, shape in tensors.items()}


def test_saved_model_signatures_are_golden(artefact, lens_run):
    import tensorflow as tf

    path = artefact("saved_model").path / "1"
    model = tf.saved_model.load(str(path))
    wanted = SIGNATURES | {"serving_default": SIGNATURES["predict"]}
    assert set(model.signatures) - {"serve"} == wanted.keys()
    for name, (inputs, outputs) in wanted.items():
        function = model.signatures[name]
        given = function.structured_input_signature[1]
        assert {k: s.shape.as_list() for k, s in given.items()} == {
            k: [None, *shape] for k, shape in inputs.items()
        }
        assert {
            k: s.shape.as_list() for k, s in function.structured_outputs.items()
        } == {k: [None, *shape] for k, shape in outputs.items()}
        specs = [*given.values(), *function.structured_outputs.values()]
        assert all(spec.dtype == tf.float32 for spec in specs)
    images = lens_run.parts.test.read(0, 5).inputs["image"]
    served = model.signatures["serving_default"](image=tf.constant(images))
    ours = open_predictor(artefact("saved_model").path).run(
        "predict", {"image": images}
    )
    assert served["score"].shape == (5,)
    np.testing.assert_array_equal(served["score"].numpy(), ours["score"])


def test_artefact_folders_are_as_open_as_their_surroundings(artefact):
    folder = artefact("tflite").path.parent
    assert folder.stat().st_mode == folder.parent.stat().st_mode
    assert sorted(p.name for p in folder.iterdir()) == [
        "lensing-none.tflite",
        "verification.json",
    ]

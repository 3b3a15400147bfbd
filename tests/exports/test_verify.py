"""Verification: what it measures, and that sabotage does not pass."""

import importlib.util
import json

import numpy as np
import pytest

from keras_astro.errors import VerificationError
from keras_astro.exports import verify as module
from keras_astro.exports.profiles import PROFILES, profile
from keras_astro.exports.verify import verify

ONNX = importlib.util.find_spec("tf2onnx") and importlib.util.find_spec("onnxruntime")
FORMATS = [found for found in PROFILES if found[0] != "onnx" or ONNX]
EXACT = profile("tflite", "none")


@pytest.mark.parametrize(("fmt", "quantize"), FORMATS)
def test_verification_holds_the_numbers(artefact, lens_run, fmt, quantize):
    result = artefact(fmt, quantize)
    folder = result.path.parent
    found = json.loads((folder / "verification.json").read_text())
    assert found == result.verification
    chosen = profile(fmt, quantize)
    assert (found["format"], found["quantize"]) == (fmt, quantize)
    assert found["rows"] == len(lens_run.parts.test)
    assert found["tolerance"] == chosen.tolerance
    assert found["flip_limit"] == chosen.flips
    flags = [v for k, v in found["outputs"].items() if k.endswith("/is_anomaly")]
    assert found["flips"] == max(flag["changed_fraction"] for flag in flags)
    assert found["flips"] <= max(chosen.flips, 1 / found["rows"])
    assert 0.5 < found["auc_model"] <= 1
    loss = found["auc_model"] - found["auc_artefact"]
    assert found["auc_loss"] == pytest.approx(loss)
    assert loss <= chosen.merit_loss
    manifest = json.loads((lens_run.run.path / "manifest.json").read_text())
    for signature, specs in manifest["signatures"].items():
        for name in specs["outputs"]:
            measured = found["outputs"].pop(f"{signature}/{name}", None)
            if signature in chosen.left_out:
                assert measured is None
            elif name == "is_anomaly":
                assert measured.keys() == {"largest_difference", "changed_fraction"}
            elif name == "p_value":
                assert measured.keys() == {"largest_difference"}
                # With few calibration rows, p-values have steps of a few per cent.
                most = 0.05 if chosen.tolerance <= 1e-5 else 0.5
                assert 0 <= measured["largest_difference"] < most
            else:
                assert measured.keys() == {"rms_over_sd"}
                assert 0 <= measured["rms_over_sd"] <= chosen.part_tolerance
    assert not found["outputs"]


def test_fewer_bits_take_less_room(artefact):
    sizes = [artefact("tflite", q).size_bytes for q in ("none", "float16", "dynamic")]
    assert sizes[0] > 1.8 * sizes[1] > 1.8 * 1.5 * sizes[2]
    assert artefact("tflite", "int8").size_bytes < 0.4 * sizes[0]
    path = artefact("tflite").path
    assert path.stat().st_size == sizes[0]


def remeasure(verified, monkeypatch, tmp_path, change, chosen=EXACT):
    """Verifies a file whose outputs are the expected ones but for a change."""
    rows, merit, expected, _ = verified
    found = {name: value.copy() for name, value in expected.items()}
    change(found)
    monkeypatch.setattr(module, "reload", lambda *_: found)
    path = tmp_path / "a.tflite"
    path.write_bytes(bytes(100))
    options = {"rows": rows, "expected": expected, "merit": merit}
    return verify(path, chosen, parameters=10, **options)


def test_equal_outputs_pass(verified, monkeypatch, tmp_path):
    found = remeasure(verified, monkeypatch, tmp_path, lambda _: None)
    assert found["outputs"]["predict/score"] == {"rms_over_sd": 0}
    assert found["outputs"]["predict/p_value"] == {"largest_difference": 0}
    assert found["outputs"]["predict/is_anomaly"] == {
        "largest_difference": 0,
        "changed_fraction": 0,
    }


def test_steps_may_jump_and_are_measured(verified, monkeypatch, tmp_path):
    def jump(found):
        found["predict/p_value"][3] -= 0.25
        found["predict/is_anomaly"][3] = 1 - found["predict/is_anomaly"][3]

    outputs = remeasure(verified, monkeypatch, tmp_path, jump)["outputs"]
    assert outputs["predict/p_value"] == {"largest_difference": pytest.approx(0.25)}
    assert outputs["predict/is_anomaly"] == {
        "largest_difference": 1,
        "changed_fraction": pytest.approx(1 / len(verified[0]["image"])),
    }


def flipped(count):
    """Other decisions on some rows while every number stays within its bounds."""

    def change(found):
        flags = found["predict/is_anomaly"]
        flags[:count] = 1 - flags[:count]

    return change


@pytest.mark.parametrize("quantize", ["none", "float16", "dynamic", "int8"])
def test_flipped_decisions_are_refused(
    verified, monkeypatch, tmp_path, refused, quantize
):
    chosen, rows = profile("tflite", quantize), len(verified[0]["image"])
    most = max(1, int(chosen.flips * rows))
    measured = remeasure(verified, monkeypatch, tmp_path, flipped(most), chosen)
    assert measured["flips"] == pytest.approx(most / rows)
    words = f"predict/is_anomaly: {most + 1} of {rows} decisions differ"
    hint = "report the run" if quantize == "none" else "--quantize none"
    with refused(VerificationError, words, hint=hint) as caught:
        remeasure(verified, monkeypatch, tmp_path, flipped(most + 1), chosen)
    assert caught.value.exit_code == 6


def test_other_classes_are_refused(tmp_path, monkeypatch, refused):
    classes = np.arange(400.0) % 5
    found = {"predict/class_index": np.where(np.arange(400) < 30, 4.0, classes)}
    monkeypatch.setattr(module, "reload", lambda *_: found)
    path = tmp_path / "a.tflite"
    path.write_bytes(bytes(100))
    options = {"expected": {"predict/class_index": classes}, "merit": lambda _: {}}
    with refused(VerificationError, "predict/class_index: 24 of 400 decisions"):
        int8 = profile("tflite", "int8")
        verify(path, int8, rows={"image": classes}, parameters=10, **options)


def test_a_flag_that_is_never_raised_is_refused(tmp_path, monkeypatch, refused):
    wanted = (np.arange(1000) < 12).astype("f4")
    monkeypatch.setattr(
        module, "reload", lambda *_: {"predict/is_anomaly": np.zeros(1000, "f4")}
    )
    path = tmp_path / "a.tflite"
    path.write_bytes(bytes(100))
    options = {"expected": {"predict/is_anomaly": wanted}, "merit": lambda _: {}}
    with refused(VerificationError, "none of the 12 rows flagged by the model is"):
        int8 = profile("tflite", "int8")
        verify(path, int8, rows={"image": wanted}, parameters=10, **options)


def nan(name):
    return lambda found: found[name].reshape(-1).__setitem__(7, np.nan)


def constant(name):
    return lambda found: found.update({name: np.full_like(found[name], 0.5)})


SABOTAGE = {
    "nan": (nan("predict/z"), "predict/z: has values that are NaN"),
    "nan_p_value": (nan("score/p_value"), "score/p_value: has values that are NaN"),
    "constant": (constant("encode/z"), "encode/z: is constant"),
    "constant_p_value": (constant("predict/p_value"), "predict/p_value: is constant"),
    "missing": (lambda f: f.pop("decode/reconstruction"), "found None"),
    "shape": (
        lambda f: f.update({"score/anomaly_map": f["score/anomaly_map"][:, :-1]}),
        "expected shape",
    ),
    "scaled": (
        lambda f: f.update({"predict/e1": f["predict/e1"] * 1.01}),
        "predict/e1: differs from the model",
    ),
    "rows_swapped": (
        lambda f: f.update({"encode/z": f["encode/z"][::-1]}),
        "encode/z: differs from the model",
    ),
}


@pytest.mark.parametrize("kind", SABOTAGE)
def test_sabotaged_outputs_are_refused(verified, monkeypatch, tmp_path, refused, kind):
    change, words = SABOTAGE[kind]
    with refused(VerificationError, words) as caught:
        remeasure(verified, monkeypatch, tmp_path, change)
    assert caught.value.exit_code == 6


def test_lost_auc_is_refused(verified, monkeypatch, tmp_path, refused):
    def shuffle(found):
        # Within a wide tolerance of the score, yet useless for telling classes apart.
        order = np.random.default_rng(0).permutation(len(found["predict/score"]))
        found["predict/score"] = found["predict/score"][order]

    wide = module.Profile("tflite", "none", 10.0, 10.0, 4, 0.002, 0.01)
    with refused(VerificationError, "auc falls from", hint="report the run"):
        remeasure(verified, monkeypatch, tmp_path, shuffle, wide)


def test_lost_weights_are_refused(artefact, verified, refused):
    rows, merit, expected, parameters = verified
    options = {"rows": rows, "expected": expected, "merit": merit}
    path = artefact("tflite").path
    words = path.name, "cannot hold", "the conversion lost some"
    with refused(VerificationError, *words, hint="report the run"):
        verify(path, EXACT, parameters=100 * parameters, **options)


def test_outputs_of_another_model_are_refused(artefact, verified, refused):
    rows, merit, expected, parameters = verified
    other = expected | {"predict/z": expected["predict/z"][:, ::-1]}
    path = artefact("tflite").path
    with refused(VerificationError, "predict/z: differs", hint="report the run"):
        verify(
            path, EXACT, rows=rows, expected=other, merit=merit, parameters=parameters
        )

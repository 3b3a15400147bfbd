"""Evaluation of artefacts, whichever signatures they have."""

import json

import pytest

from keras_astro.evaluation.evaluate import evaluate_artefact
from keras_astro.inference.predictor import open_predictor


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_artefact_is_measured(artefact, lens_run, tmp_path, monkeypatch, quantize):
    from keras_astro.evaluation.lens_rows import LensRows

    monkeypatch.setattr(LensRows, "resamples", 20)
    result = artefact("tflite", quantize)
    metrics = evaluate_artefact(
        open_predictor(result.path),
        lens_run.parts.test,
        tmp_path / "out",
        story=lambda _: None,
    )
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert found.keys() == metrics.keys()
    auc = metrics["auc_combined"]["value"]
    assert auc == pytest.approx(result.verification["auc_artefact"], abs=1e-3)
    report = (tmp_path / "out" / "report.html").read_text()
    assert "Shortcut audit" in report
    assert "Anomaly maps" in report

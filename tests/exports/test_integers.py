"""Integers of spectra: moved by a layer whose ranges a calibration must learn."""

import numpy as np

from keras_astro.exports.tflite import CALIBRATION_ROWS, convert
from keras_astro.inference.held_out import model_inputs
from keras_astro.inference.manifest import from_run
from keras_astro.tasks.catalog import get_task


def test_spectra_keep_their_scores_in_integers(cgm_run, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    manifest = from_run(cgm_run.run.path)
    specs = manifest["signatures"]["predict"]["inputs"]
    endpoint = get_task("cgm").endpoints(cgm_run.run.load_model())["predict"]
    parts = cgm_run.parts
    ranges = model_inputs(parts.train.read(0, CALIBRATION_ROWS // 2), specs)
    content = convert({"predict": endpoint}, quantize="int8", rows=ranges)
    runner = Interpreter(model_content=content).get_signature_runner("predict")
    rows = model_inputs(parts.calibration.read(), specs)
    found, wanted = runner(**rows), endpoint.predict(rows, verbose=0)
    # Far below the bounds of the profile: 0.2 of the score's sd, 0.5 of the others'.
    for name in ("score", "z", "reconstruction_mse"):
        error = np.sqrt(np.mean((found[name] - wanted[name]) ** 2))
        assert error < 0.1 * wanted[name].std(), name
    assert np.mean(found["is_anomaly"] == wanted["is_anomaly"]) > 0.95

"""Opens a run, a SavedModel, a `.tflite` or an `.onnx` file as one loaded model."""

from __future__ import annotations

from pathlib import Path

from keras_astro.inference.loaded import Predictor
from keras_astro.inference.manifest import locate


def open_predictor(path: str | Path) -> Predictor:
    """Loads a run folder, a SavedModel, a `.tflite` or an `.onnx` file.

    The files need no TensorFlow. Each is loaded once; keep the predictor.

    Raises:
        ArtefactError: If the path is absent or none of these, or is damaged.
        MissingExtraError: If a run or SavedModel is given and TensorFlow is absent,
            or an `.onnx` file and onnxruntime is.
    """
    path = Path(path)
    kind, place = locate(path)
    if kind == "tflite":
        from keras_astro.inference.tflite_backend import TflitePredictor

        return TflitePredictor(place)
    if kind == "onnx":
        from keras_astro.inference.onnx_backend import OnnxPredictor

        return OnnxPredictor(place)
    if kind == "run":
        from keras_astro.inference.keras_backend import RunPredictor

        return RunPredictor(place)
    from keras_astro.inference.saved_model_backend import SavedModelPredictor

    return SavedModelPredictor(place)

"""A run's own Keras model, called through the same signatures as its exports."""

from __future__ import annotations

import json
from pathlib import Path

from keras_astro.errors import ArtefactError, missing_extra
from keras_astro.inference.predictor import Predictor


class RunPredictor(Predictor):
    """The trained model of a run folder.

    Args:
        path: The run folder.

    Raises:
        ArtefactError: If the run is not finished or its model is damaged.
        MissingExtraError: If TensorFlow is not installed.
    """

    def __init__(self, path: Path):
        try:
            import tensorflow as tf
        except ModuleNotFoundError as error:
            raise missing_extra(
                "tensorflow", extra="train", purpose="a run folder"
            ) from error
        import keras

        from keras_astro.registry import load_all

        self.path = path
        self.manifest = self._manifest()
        load_all()
        try:
            model = keras.saving.load_model(path / "model.keras", compile=False)
        except (ValueError, TypeError, OSError, KeyError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ArtefactError(
                f"{path / 'model.keras'}: cannot be loaded ({reason[:120]})",
                hint="Train again, or copy the run again.",
            ) from error
        from keras_astro.tasks.catalog import get_task

        endpoints = get_task(self.manifest["task"]).endpoints(model)
        self.functions = {name: tf.function(m) for name, m in endpoints.items()}
        self.tensor = tf.constant

    def _manifest(self) -> dict:
        file = self.path / "manifest.json"
        if not (self.path / "model.keras").is_file() or not file.is_file():
            raise ArtefactError(
                f"{self.path}: training is not finished",
                hint=f"Continue with: kastro train --resume -o {self.path}",
            )
        return json.loads(file.read_text())

    def call(self, signature, inputs):
        outputs = self.functions[signature](
            {k: self.tensor(v) for k, v in inputs.items()}
        )
        return {name: value.numpy() for name, value in outputs.items()}

"""A run's own Keras model, called through the same signatures as its exports."""

from __future__ import annotations

from pathlib import Path

from keras_astro.errors import missing_extra
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.manifest import from_run


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
        from keras_astro.tasks.catalog import get_task
        from keras_astro.training.saving import load_model

        self.path = path
        self.manifest = from_run(path)
        model = load_model(path / "model.keras")
        endpoints = get_task(self.manifest["task"]).endpoints(model)
        # Numbers of rows differ from call to call, as where a refinement goes on with
        # those rows that have not settled: a graph for each would take far longer.
        self.functions = {
            name: tf.function(m, reduce_retracing=True) for name, m in endpoints.items()
        }
        self.tensor = tf.constant

    def call(self, signature, inputs):
        outputs = self.functions[signature](
            {k: self.tensor(v) for k, v in inputs.items()}
        )
        return {name: value.numpy() for name, value in outputs.items()}

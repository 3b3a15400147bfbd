"""SavedModel through TensorFlow's own loader and signatures."""

from __future__ import annotations

from pathlib import Path

from keras_astro.errors import ArtefactError, missing_extra
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.manifest import from_saved_model


class SavedModelPredictor(Predictor):
    """A SavedModel of this package.

    Args:
        path: The version folder.

    Raises:
        ArtefactError: If it is damaged or foreign.
        MissingExtraError: If TensorFlow is not installed.
    """

    def __init__(self, path: Path):
        try:
            import tensorflow as tf
        except ModuleNotFoundError as error:
            raise missing_extra(
                "tensorflow", extra="train", purpose="a SavedModel"
            ) from error
        self.path = path
        self.manifest = from_saved_model(path)
        try:
            self.model = tf.saved_model.load(str(path))
        except (OSError, ValueError, LookupError, tf.errors.OpError) as error:
            # Truncated variables are an IndexError.
            reason = " ".join(str(error).split())
            raise ArtefactError(
                f"{path}: TensorFlow cannot load it ({reason[:120]})",
                hint="Copy or export it again.",
            ) from error
        self.tensor = tf.constant

    def call(self, signature, inputs):
        function = self.model.signatures[signature]
        outputs = function(**{k: self.tensor(v) for k, v in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

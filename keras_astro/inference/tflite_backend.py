"""TFLite through ai-edge-litert: no TensorFlow in the process."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from keras_astro.errors import ArtefactError
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.manifest import from_tflite


class TflitePredictor(Predictor):
    """A `.tflite` file of this package.

    Args:
        path: The file.
        threads: Threads of the interpreter.

    Raises:
        ArtefactError: If the file is damaged or foreign, or needs operations that the
            runtime lacks.
    """

    def __init__(self, path: Path, *, threads: int = 1):
        self.path = path
        self.manifest = from_tflite(path)
        try:
            self.interpreter = Interpreter(model_path=str(path), num_threads=threads)
            found = self.interpreter.get_signature_list()
            self.runners = {
                name: self.interpreter.get_signature_runner(name) for name in found
            }
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ArtefactError(
                f"{path}: the TFLite runtime cannot load it ({reason[:120]})",
                hint="Copy or export it again.",
            ) from error

    def call(self, signature, inputs):
        return self.runners[signature](**inputs)

"""ONNX through onnxruntime: no TensorFlow in the process."""

from __future__ import annotations

from pathlib import Path

from keras_astro.errors import ArtefactError, missing_extra
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.manifest import from_onnx


class OnnxPredictor(Predictor):
    """An `.onnx` file of this package; it has the signature `predict` alone.

    Args:
        path: The file.
        threads: Threads of the runtime.

    Raises:
        ArtefactError: If the file is damaged or foreign, or needs operations that the
            runtime lacks.
        MissingExtraError: If onnxruntime is not installed.
    """

    def __init__(self, path: Path, *, threads: int = 1):
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as state
        except ModuleNotFoundError as error:
            raise missing_extra(
                "onnxruntime", extra="onnx", purpose="an .onnx file"
            ) from error
        self.path = path
        self.manifest = from_onnx(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Warnings of the runtime are about its own work.
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except (
            *(state.Fail, state.InvalidGraph, state.InvalidProtobuf),
            *(state.NotImplemented, state.RuntimeException),
        ) as error:
            reason = " ".join(str(error).split())
            raise ArtefactError(
                f"{path}: onnxruntime cannot load it ({reason[:160]})",
                hint="Copy or export it again.",
            ) from error
        self.names = [output.name for output in self.session.get_outputs()]

    def call(self, signature, inputs):
        found = self.session.run(self.names, inputs)
        return dict(zip(self.names, found, strict=True))

"""Imported networks as files that the present runtimes read."""

from __future__ import annotations

from pathlib import Path

import keras

from keras_astro.errors import UsageError
from keras_astro.exports.saved_model import write_saved_model
from keras_astro.exports.tflite import convert
from keras_astro.training.saving import save_model


def write_legacy(model: keras.Model, path: Path) -> None:
    """Writes a network as `.keras`, `.tflite` or a SavedModel folder.

    The signature `predict` maps the network's input, by name, to `score`.

    Args:
        model: Of one input and one output.
        path: Its suffix decides; no suffix is a folder.

    Raises:
        UsageError: If the suffix is another, or the network has several inputs.
    """
    if path.suffix not in ("", ".keras", ".tflite"):
        raise UsageError(
            f"{path}: expected .keras, .tflite or a folder, found {path.suffix!r}",
            hint="Name the output with one of them.",
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UsageError(
            f"{path}: expected a network of one input and one output, found "
            f"{len(model.inputs)} and {len(model.outputs)}",
            hint="Save a Model of one input and one of its outputs in Keras 2.",
        )
    (entry,) = model.inputs
    named = keras.Model({entry.name: entry}, {"score": model.outputs[0]}, name="legacy")
    if path.suffix == ".keras":
        save_model(named, path)
    elif path.suffix == ".tflite":
        path.write_bytes(convert({"predict": named}, quantize="none", rows={}))
    else:
        write_saved_model({"predict": named}, path)

"""TFLite with named signatures and built-in operations only."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# TensorFlow raises this and has no public name for it.
from tensorflow.lite.python.convert_phase import ConverterError

from keras_astro.errors import VerificationError
from keras_astro.exports.halves import to_halves
from keras_astro.exports.integers import Merit, to_integers
from keras_astro.exports.profiles import profile
from keras_astro.exports.saved_model import input_signature, serving, track
from keras_astro.inference.hashes import sha256

# Normal rows that trained nothing, on which int8 rounds its weights.
CALIBRATION_ROWS = 100


def convert(
    endpoints: dict[str, keras.Model],
    *,
    quantize: str,
    rows: dict[str, np.ndarray],
    merit: Merit | None = None,
) -> bytes:
    """Converts signatures into one file that shares their weights.

    The archive must not have a signature named `serve`: with one, the converter keeps
    `serving_default` alone.

    Args:
        endpoints: Models with dict inputs and outputs by signature name.
        quantize: `none`, `float16`, `dynamic` or `int8`.
        rows: Real input rows by name, on which int8 rounds its weights.
        merit: What int8 may not lose, see `to_integers`.

    Raises:
        DataError: If the rows are too few for int8.
        VerificationError: If the model needs operations that small runtimes lack.
    """
    content = _converted(endpoints, dynamic=quantize == "dynamic")
    if quantize == "float16":
        return to_halves(content)
    if quantize == "int8":
        return to_integers(content, rows, profile("tflite", "int8"), merit=merit)
    return content


def _converted(endpoints: dict[str, keras.Model], *, dynamic: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        archive = track(endpoints)
        for name, endpoint in endpoints.items():
            archive.add_endpoint(name, serving(endpoint), input_signature(endpoint))
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=list(endpoints)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if dynamic:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        try:
            with _quiet():
                return converter.convert()
        except ConverterError as error:
            reason = str(error).strip().splitlines()[-1]
            raise VerificationError(
                f"the model needs operations that TFLite lacks: {reason[:300]}",
                hint="Export it with: --format saved_model",
            ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the converter's notes, written by C++ and by Python, off the terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def append_files(path: Path, manifest: dict[str, Any], card: str) -> None:
    """Appends manifest and model card as the format's zip of associated files.

    The manifest gets the hash of the model before it, which the runtime never checks.
    """
    manifest = manifest | {"content_sha256": sha256(path)}
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("manifest.json", json.dumps(manifest, indent=1))
        archive.writestr("card.md", card)

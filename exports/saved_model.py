"""SavedModel with named signatures, as TF Serving loads it."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf


def write_saved_model(endpoints: dict[str, keras.Model], folder: Path) -> None:
    """Writes the signatures of a model into one version folder.

    Args:
        endpoints: Models with dict inputs and outputs by signature name. `predict`
            is also `serving_default`.
        folder: The version folder, e.g. `lensing/1`.
    """
    # The first is `serving_default` as well, by the same function; one of its own would
    # be traced anew, which takes as long as any other signature.
    endpoints = {"predict": endpoints["predict"]} | endpoints
    archive = track(endpoints)
    for name, endpoint in endpoints.items():
        archive.add_endpoint(name, serving(endpoint), input_signature(endpoint))
    archive.write_out(str(folder), verbose=False)


def track(endpoints: dict[str, keras.Model]) -> keras.export.ExportArchive:
    """An archive that holds the weights of all endpoints, shared ones once."""
    archive = keras.export.ExportArchive()
    for endpoint in endpoints.values():
        archive.track(endpoint)
    return archive


def serving(endpoint: keras.Model):
    """A function of named tensors that calls an endpoint for inference."""
    return lambda inputs: endpoint(inputs, training=False)


def input_signature(endpoint: keras.Model) -> list[dict[str, tf.TensorSpec]]:
    """One argument: the named tensors, with a free batch."""
    named = {
        name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, name=name)
        for name, tensor in endpoint.input.items()
    }
    return [named]

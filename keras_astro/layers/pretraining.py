"""A note of what an encoder learned from, kept with its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_astro.registry import register


@register()
class PretrainingRecord(keras.layers.Layer):
    """Passes its input on, and carries a record of training beside the weights.

    The record is saved where weights are, not in the configuration: a network that is
    built anew from the same configuration has no record, because it has learned
    nothing.

    Input shape: any.
    Output shape: the same.

    Example:
        >>> layer = PretrainingRecord()
        >>> layer.set_record({"task": "stellar", "rows": 900})
        >>> anew = PretrainingRecord.from_config(layer.get_config())
        >>> layer.record["rows"], anew.record
        (900, None)
    """

    record: dict[str, Any] | None = None

    def set_record(self, record: Mapping[str, Any]) -> None:
        """Sets the record, made of what JSON holds."""
        self.record = json.loads(json.dumps(dict(record)))

    def call(self, x):
        return x

    def compute_output_shape(self, input_shape):
        return input_shape

    def save_own_variables(self, store):
        if self.record is not None:
            text = json.dumps(self.record).encode()
            store["record"] = np.frombuffer(text, dtype="uint8")

    def load_own_variables(self, store):
        if "record" in store.keys():
            self.record = json.loads(bytes(np.asarray(store["record"], "uint8")))

"""Files whose first layers are in float32 and whose rest is in integers."""

from __future__ import annotations

from collections.abc import Callable, Collection

import keras
import numpy as np

from keras_astro.errors import VerificationError
from keras_astro.exports.tflite_graphs import joined

Arrays = dict[str, np.ndarray]


def convert_behind(
    convert: Callable[..., bytes],
    endpoint: keras.Model,
    *,
    front: Collection[str],
    quantize: str,
    rows: Arrays,
) -> bytes:
    """Converts `predict` with its first layers in float32 and all others quantised.

    Raw rows hold NaN, fill values of 1e30, or counts of 60,000 beside a noise of 6, of
    which integers on one scale leave nothing. What these layers make of them is tame.

    Args:
        convert: From signatures to a file, see `exports.tflite`.
        endpoint: Model with dict inputs and outputs.
        front: Names of the layers up to which it stays in float; those that this model
            lacks are passed over.
        quantize: Numeric type of everything behind them.
        rows: Real input rows by name, for the ranges of integers.

    Raises:
        VerificationError: If an input reaches the rest past these layers, or the model
            needs operations that small runtimes lack.
    """
    first, rest = cut(endpoint, front)
    seen = first.predict({k: rows[k] for k in first.input}, verbose=0)
    return joined(
        convert({"predict": first}, quantize="none", rows={}),
        convert({"predict": rest}, quantize=quantize, rows=seen),
    )


def cut(
    endpoint: keras.Model, front: Collection[str]
) -> tuple[keras.Model, keras.Model]:
    """A model up to some of its layers, and the rest of it.

    What the first part gives and the second one takes have the names of the layers.

    Raises:
        VerificationError: If an input reaches the rest past these layers.
    """
    # What a layer gives here: a model among them has an output inside of it, too.
    given_by = keras.Operation.output.fget
    between = {
        layer.name: given_by(layer) for layer in endpoint.layers if layer.name in front
    }
    first = keras.Model(endpoint.input, between, name="front")
    try:
        inner = keras.Model([*between.values()], [*endpoint.output.values()])
    except ValueError as error:
        raise VerificationError(
            f"quantize: some of {', '.join(endpoint.input)} reach the network past "
            f"{', '.join(between)}, where the graph leaves float",
            hint="Export in float16 instead.",
        ) from error
    given = {
        name: keras.Input(tensor.shape[1:], name=name)
        for name, tensor in between.items()
    }
    found = inner([*given.values()])
    return first, keras.Model(given, dict(zip(endpoint.output, found, strict=True)))

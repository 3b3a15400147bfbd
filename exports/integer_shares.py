"""How much of a TFLite file is in integers."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_astro.exports.flat_integers import INT8
from keras_astro.exports.flat_model import DEPTHWISE, TRANSPOSED, Layer, layers, load

PREDICT = "predict"


def shares(content: bytes) -> dict[str, float]:
    """How much of a file's dense layers and convolutions is in integers.

    Depthwise and transposed convolutions count too, which stay in floats.

    Returns:
        `weights`, the share of their weights that are stored in 8 bits, and
        `multiply_adds`, that of the products of `predict` that are made of integers;
        0 where there are none.
    """
    model = load(content)
    predict = next(
        s.subgraphIndex
        for s in model.signatureDefs
        if s.signatureKey == PREDICT.encode()
    )
    found = list(layers(model))
    # A kernel that several operations share is stored once.
    kernels = {layer.weights.buffer: layer.weights for layer in found}.values()
    sizes = {k.buffer: int(np.prod(k.shape)) for k in kernels}
    stored = [sizes[k.buffer] for k in kernels if k.type == INT8]
    shapes = _shapes_of_one_row(content, predict)
    products = [
        (_products(layer, shapes), layer.weights.type == INT8 and not layer.restored)
        for layer in found
        if layer.number == predict
    ]
    return {
        "weights": _share(sum(stored), sum(sizes.values())),
        "multiply_adds": _share(
            sum(n for n, of_integers in products if of_integers),
            sum(n for n, _ in products),
        ),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _products(layer: Layer, shapes: dict[int, tuple[int, ...]]) -> int:
    """Products that a layer makes of one row."""
    size = int(np.prod(layer.shape))
    if layer.code == TRANSPOSED:
        # Each number it sees is multiplied with a patch of every output channel.
        return int(np.prod(shapes[int(layer.operator.inputs[2])])) * (
            size // layer.shape[-1]
        )
    outputs = layer.shape[-1] if layer.code == DEPTHWISE else layer.shape[0]
    return int(np.prod(shapes[int(layer.operator.outputs[0])])) * (size // outputs)


def _shapes_of_one_row(content: bytes, number: int) -> dict[int, tuple[int, ...]]:
    """Shapes of tensors by number, as they are when `predict` sees one row.

    A file does not know those that depend on the number of rows.
    """
    interpreter = Interpreter(model_content=content, num_threads=1)
    runner = interpreter.get_signature_runner(PREDICT)
    rows = {
        name: np.zeros((1, *found["shape"][1:]), found["dtype"])
        for name, found in runner.get_input_details().items()
    }
    runner(**rows)
    found = interpreter.get_tensor_details(subgraph_index=number)
    return {entry["index"]: tuple(entry["shape"]) for entry in found}

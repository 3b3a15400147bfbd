"""float16: numbers of 16 bits where they take room, and 32 where they do not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_astro.exports.flat_model import DEQUANTIZE, load, operator_code, pack

# Fewer numbers are not worth rounding: all of a stellar model's are 5 % of its file.
FEWEST = 4096
# The first version of the operation that takes float16.
VERSION = 3


def to_halves(content: bytes) -> bytes:
    """Rounds the large matrices and kernels of a file to 16 bits.

    The runtime makes floats of them once, when it loads the file, and computes with
    these. Vectors stay as they are, whatever their length, and so do small matrices: a
    bias, a mean or the width of a window enters every row in the same way, so that its
    rounding never averages out, as that of many weights does. The width of a running
    mean, 1/15 for all pixels, once moved every continuum by 2e-4, and the distance of
    stellar codes by ten times as much as all weights together.

    Args:
        content: A file in float32.

    Returns:
        The file, with the same signatures.
    """
    model = load(content)
    rounded = {buffer: values.astype(np.float16) for buffer, values in _large(model)}
    for buffer, values in rounded.items():
        model.buffers[buffer].data = np.frombuffer(values.tobytes(), np.uint8)
    for graph in model.subgraphs:
        restored = [
            _restore(model, graph, number)
            for number in range(len(graph.tensors))
            if graph.tensors[number].buffer in rounded
        ]
        graph.operators = restored + graph.operators
    return pack(model)


def _large(model) -> Iterator[tuple[int, np.ndarray]]:
    """Buffer and numbers of every constant that is to be rounded."""
    tensors: dict[int, list] = {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensors.setdefault(tensor.buffer, []).append(tensor)
    # What a signature answers must be a float, and not one that an operation makes.
    answered = {g.tensors[i].buffer for g in model.subgraphs for i in g.outputs}
    for buffer, users in tensors.items():
        data = model.buffers[buffer].data
        floats = all(tensor.type == schema.TensorType.FLOAT32 for tensor in users)
        if data is None or not floats or buffer in answered:
            continue
        values = np.frombuffer(bytes(data), np.float32)
        vector = max(users[0].shape, default=1) == len(values)
        fits = len(values) and np.abs(values).max() <= np.finfo(np.float16).max
        if len(values) >= FEWEST and fits and not vector:
            yield buffer, values


def _restore(model, graph, number: int):
    """Operation that makes floats of a tensor's constants, which move to another."""
    tensor, half = graph.tensors[number], schema.TensorT()
    half.shape, half.name = tensor.shape, tensor.name + b"/float16"
    half.buffer, half.type = tensor.buffer, schema.TensorType.FLOAT16
    tensor.buffer = 0
    graph.tensors.append(half)
    operator = schema.OperatorT()
    operator.opcodeIndex = operator_code(model, DEQUANTIZE, VERSION)
    operator.inputs = np.array([len(graph.tensors) - 1], np.int32)
    operator.outputs = np.array([number], np.int32)
    operator.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    operator.builtinOptions = schema.DequantizeOptionsT()
    return operator

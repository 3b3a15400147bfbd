"""A TFLite file whose kernels are rounded to integers of 8 bits."""

from __future__ import annotations

from collections.abc import Mapping, Set

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_astro.exports.flat_model import (
    CONVOLUTION,
    DENSE,
    DEQUANTIZE,
    kernels,
    load,
    operator_code,
    pack,
)

FLOAT, INT8 = schema.TensorType.FLOAT32, schema.TensorType.INT8
# Versions of operations that take integers of 8 bits with a scale for each output.
VERSIONS = {DENSE: 12, CONVOLUTION: 5, DEQUANTIZE: 5}


def with_integers(
    content: bytes,
    rounded: Mapping[int, tuple[np.ndarray, np.ndarray]],
    held: Set[int],
) -> bytes:
    """The file with kernels of 8 bits.

    Their operations quantise each row by its own range and multiply integers, but for
    those of `held`, whose weights are made floats again when the file is loaded.

    Args:
        content: A file in float32.
        rounded: Integers and scales by number of buffer.
        held: Buffers whose operations stay in floats.
    """
    model = load(content)
    found = kernels(model)
    restored: dict[tuple[int, int], int] = {}
    for buffer, (integers, scale) in rounded.items():
        model.buffers[buffer].data = np.frombuffer(integers.tobytes(), np.uint8)
        for number, position in found[buffer].uses:
            graph = model.subgraphs[number]
            operator = graph.operators[position]
            source = int(operator.inputs[1])
            _set_integers(graph.tensors[source], scale)
            if buffer in held:
                key = number, source
                if key not in restored:
                    restored[key] = _floats(graph, source)
                # A copy: what was read from a file cannot be written.
                operator.inputs = np.array(operator.inputs)
                operator.inputs[1] = restored[key]
            else:
                _multiply_integers(model, operator)
    for (number, source), target in restored.items():
        _restore(model, number, source, target)
    return pack(model)


def _set_integers(tensor, scale: np.ndarray) -> None:
    tensor.type, tensor.quantization = INT8, schema.QuantizationParametersT()
    tensor.quantization.scale = scale.astype(np.float32)
    tensor.quantization.zeroPoint = np.zeros(len(scale), np.int64)


def _multiply_integers(model, operator) -> None:
    code = model.operatorCodes[operator.opcodeIndex]
    code.version = max(code.version, VERSIONS[code.builtinCode])
    if code.builtinCode == DENSE:
        operator.builtinOptions.asymmetricQuantizeInputs = True


def _floats(graph, source: int) -> int:
    """A new tensor for the floats of a kernel."""
    tensor = schema.TensorT()
    tensor.shape, tensor.type = graph.tensors[source].shape, FLOAT
    tensor.name = bytes(graph.tensors[source].name) + b"_restored"
    tensor.hasRank = True
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _restore(model, number: int, source: int, target: int) -> None:
    """Makes floats of integers before any other operation."""
    operator = schema.OperatorT()
    operator.opcodeIndex = operator_code(model, DEQUANTIZE, VERSIONS[DEQUANTIZE])
    operator.inputs = np.array([source], np.int32)
    operator.outputs = np.array([target], np.int32)
    graph = model.subgraphs[number]
    graph.operators = [operator, *graph.operators]

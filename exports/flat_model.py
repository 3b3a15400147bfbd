"""A TFLite file as objects: the kernels of its layers, and what each layer sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

DENSE = schema.BuiltinOperator.FULLY_CONNECTED
CONVOLUTION = schema.BuiltinOperator.CONV_2D
DEQUANTIZE = schema.BuiltinOperator.DEQUANTIZE
LAYERS = (DENSE, CONVOLUTION)
# Narrower kernels hold few weights; their inputs, such as a code or a raw pixel, count.
NARROWEST = 16
PROBE = "probe"


@dataclass
class Kernel:
    """The weights of a layer, which several operations may share.

    Args:
        shape: Output channel first.
        type: The schema's number of the type of a weight.
        restored: Whether floats are made of it before it is multiplied.
        uses: Subgraph and position of each operation.
        multiply_adds: For one row, by subgraph.
    """

    shape: tuple[int, ...]
    type: int
    restored: bool
    uses: list[tuple[int, int]] = field(default_factory=list)
    multiply_adds: Counter[int] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        """Number of weights."""
        return int(np.prod(self.shape))

    @property
    def wide(self) -> bool:
        """Whether it is worth integers."""
        return min(self.shape[0], self.size // self.shape[0]) >= NARROWEST


def load(content: bytes):
    """The objects of a file."""
    return schema.ModelT.InitFromPackedBuf(content, 0)


def pack(model) -> bytes:
    """The file of objects."""
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def operators(model) -> Iterator[tuple[int, int, int, object]]:
    """Subgraph, position, code and operator of every operation of a model."""
    for number, graph in enumerate(model.subgraphs):
        for position, operator in enumerate(graph.operators):
            code = model.operatorCodes[operator.opcodeIndex].builtinCode
            yield number, position, code, operator


def kernels(model) -> dict[int, Kernel]:
    """Constant kernels of dense layers and convolutions, by number of buffer.

    Kernels that something else reads too, such as a signature's output, are left out.
    """
    found: dict[int, Kernel] = {}
    others = {
        graph.tensors[i].buffer for graph in model.subgraphs for i in graph.outputs
    }
    restored = {
        (number, int(operator.outputs[0])): int(operator.inputs[0])
        for number, _, code, operator in operators(model)
        if code == DEQUANTIZE
    }
    for number, position, code, operator in operators(model):
        tensors = model.subgraphs[number].tensors
        read = [int(i) for i in operator.inputs if i >= 0]
        if code in LAYERS:
            index = read.pop(1)
            source = restored.get((number, index), index)
            tensor = tensors[source]
            if _holds_data(model, tensor.buffer):
                shape = tuple(int(n) for n in tensor.shape)
                kernel = Kernel(shape, tensor.type, source != index)
                kernel = found.setdefault(tensor.buffer, kernel)
                places = np.prod(tensors[operator.outputs[0]].shape[1:-1])
                kernel.multiply_adds[number] += int(places) * kernel.size
                kernel.uses.append((number, position))
        if code != DEQUANTIZE:
            others |= {tensors[i].buffer for i in read}
    return {key: kernel for key, kernel in found.items() if key not in others}


def _holds_data(model, buffer: int) -> bool:
    data = model.buffers[buffer].data
    return data is not None and len(data) > 0


def values(model, buffer: int, kernel: Kernel) -> np.ndarray:
    """The weights of a kernel of floats, `(output, input)`."""
    data = bytes(model.buffers[buffer].data)
    return np.frombuffer(data, np.float32).reshape(kernel.shape[0], -1)


def with_probes(content: bytes, found: dict[int, Kernel]) -> bytes:
    """The file with what its layers see among the outputs of its signatures.

    Their names are `probe`, subgraph and number of the tensor, joined by colons.
    """
    model = load(content)
    signatures = {s.subgraphIndex: s for s in model.signatureDefs}
    for kernel in found.values():
        for number, position in kernel.uses:
            graph = model.subgraphs[number]
            seen = int(graph.operators[position].inputs[0])
            name = f"{PROBE}:{number}:{seen}".encode()
            signature = signatures.get(number)
            if signature is None or name in [entry.name for entry in signature.outputs]:
                continue
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = name, seen
            signature.outputs.append(entry)
            graph.outputs = np.append(graph.outputs, np.int32(seen)).astype(np.int32)
    return pack(model)

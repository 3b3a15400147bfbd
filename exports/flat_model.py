"""A TFLite file as objects: the kernels of its layers, and what each layer sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

DENSE = schema.BuiltinOperator.FULLY_CONNECTED
CONVOLUTION = schema.BuiltinOperator.CONV_2D
DEPTHWISE = schema.BuiltinOperator.DEPTHWISE_CONV_2D
TRANSPOSED = schema.BuiltinOperator.TRANSPOSE_CONV
DEQUANTIZE = schema.BuiltinOperator.DEQUANTIZE
LAYERS = (DENSE, CONVOLUTION, DEPTHWISE, TRANSPOSED)
# Narrower kernels, such as those of a code of few numbers, hold few weights.
NARROWEST = 16
PROBE = "probe"


@dataclass(frozen=True)
class Layer:
    """An operation that multiplies constant weights.

    Args:
        number: Of the subgraph.
        position: In the subgraph.
        code: Of the operation, one of `LAYERS`.
        operator: The schema's.
        weights: The schema's tensor of them, as the file holds it.
        restored: Whether floats are made of them before they are multiplied.
    """

    number: int
    position: int
    code: int
    operator: object
    weights: object
    restored: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the weights."""
        return tuple(int(n) for n in self.weights.shape)


@dataclass
class Kernel:
    """Weights that can be integers, which several operations may share.

    Args:
        shape: Output channel first.
        uses: Subgraph and position of each operation.
    """

    shape: tuple[int, ...]
    uses: list[tuple[int, int]] = field(default_factory=list)

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


def operator_code(model, builtin: int, version: int) -> int:
    """Number of an operation's code in a model, which gets it where it lacks it."""
    for number, code in enumerate(model.operatorCodes):
        if code.builtinCode == builtin:
            return number
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def layers(model) -> Iterator[Layer]:
    """Every dense layer and convolution of constant weights."""
    restored = {
        (number, int(operator.outputs[0])): int(operator.inputs[0])
        for number, _, code, operator in operators(model)
        if code == DEQUANTIZE
    }
    for number, position, code, operator in operators(model):
        if code not in LAYERS:
            continue
        index = int(operator.inputs[1])
        source = restored.get((number, index), index)
        weights = model.subgraphs[number].tensors[source]
        if _holds_data(model, weights.buffer):
            yield Layer(number, position, code, operator, weights, source != index)


def kernels(model) -> dict[int, Kernel]:
    """Kernels that can be integers, by number of buffer.

    They are those of dense layers and of convolutions without groups. One that
    something else reads too, such as a signature's output, is left out.
    """
    found: dict[int, Kernel] = {}
    others = {
        graph.tensors[i].buffer for graph in model.subgraphs for i in graph.outputs
    }
    readers = set()
    for layer in layers(model):
        if _takes_integers(model, layer):
            kernel = found.setdefault(layer.weights.buffer, Kernel(layer.shape))
            kernel.uses.append((layer.number, layer.position))
            readers.add((layer.number, layer.position))
    for number, position, code, operator in operators(model):
        read = [int(i) for i in operator.inputs if i >= 0]
        if (number, position) in readers:
            read.pop(1)
        if code != DEQUANTIZE:
            tensors = model.subgraphs[number].tensors
            others |= {tensors[i].buffer for i in read}
    return {key: kernel for key, kernel in found.items() if key not in others}


def _takes_integers(model, layer: Layer) -> bool:
    if layer.code != CONVOLUTION:
        return layer.code == DENSE
    images = model.subgraphs[layer.number].tensors[int(layer.operator.inputs[0])]
    # Another number of channels is that of a group.
    return layer.shape[3] == int(images.shape[3])


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

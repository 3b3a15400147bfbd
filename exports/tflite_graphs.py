"""Two TFLite graphs in a row, as one file."""

from __future__ import annotations

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

IDENTIFIER = b"TFL3"
# Kernels read weights in pieces of so many bytes.
ALIGNMENT = 16
# The tensor of an optional input that is not given.
ABSENT = -1


class AlignedBuffer(schema.BufferT):
    """A buffer whose data start where kernels may read them in whole pieces."""

    def Pack(self, builder):
        """Writes the buffer; the schema's own method aligns to 4 bytes."""
        data = None
        if self.data is not None:
            content = bytes(self.data)
            builder.StartVector(1, len(content), ALIGNMENT)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            data = builder.EndVector()
        schema.BufferStart(builder)
        if data is not None:
            schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def joined(first: bytes, second: bytes) -> bytes:
    """One file that computes the first graph and, from its outputs, the second.

    Args:
        first: TFLite file with one signature.
        second: TFLite file with one signature, each of whose inputs has the name of one
            of the first one's outputs.

    Returns:
        A file with the second one's signature, from the first one's inputs.
    """
    front, model = (
        schema.ModelT.InitFromPackedBuf(content, 0) for content in (first, second)
    )
    ahead, graph = front.subgraphs[0], model.subgraphs[0]
    tensors, codes = len(graph.tensors), len(model.operatorCodes)
    _renumber(ahead, tensors=tensors, codes=codes, buffers=len(model.buffers))
    signature, leading = model.signatureDefs[0], front.signatureDefs[0]
    made = {entry.name: entry.tensorIndex + tensors for entry in leading.outputs}
    taken = {e.tensorIndex: made[e.name] for e in signature.inputs}
    for operator in graph.operators:
        operator.inputs = [taken.get(i, i) for i in operator.inputs]
    graph.tensors += ahead.tensors
    graph.operators = [*ahead.operators, *graph.operators]
    graph.inputs = ahead.inputs
    model.operatorCodes += front.operatorCodes
    model.buffers = [
        AlignedBuffer(buffer.data) for buffer in (*model.buffers, *front.buffers)
    ]
    signature.inputs = leading.inputs
    for entry in signature.inputs:
        entry.tensorIndex += tensors
    builder = flatbuffers.Builder(len(first) + len(second))
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _renumber(graph, *, tensors: int, codes: int, buffers: int) -> None:
    """Moves all numbers of a graph behind those of another one."""

    def moved(indices):
        return [i if i == ABSENT else i + tensors for i in indices]

    for tensor in graph.tensors:
        tensor.buffer += buffers
    for operator in graph.operators:
        operator.opcodeIndex += codes
        operator.inputs = moved(operator.inputs)
        operator.outputs = moved(operator.outputs)
    graph.inputs = moved(graph.inputs)

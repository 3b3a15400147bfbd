"""Arrays on gRPC's wire and back."""

from __future__ import annotations

import math

import numpy as np

from keras_astro.serving.protos import TensorProto
from keras_astro.serving.refusals import invalid

# TensorFlow's number of a type; the field of its values where they come one by one.
DTYPES = {
    "float32": (1, "float_val"),
    "float64": (2, "double_val"),
    "int32": (3, "int_val"),
    "uint8": (4, "int_val"),
    "int64": (9, "int64_val"),
    "bool": (10, "bool_val"),
}
NAMES = {number: name for name, (number, _) in DTYPES.items()}
MOST_FILLED = 1 << 20
# As TF Serving's metadata spells them.
SPELLED = {
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
    "int32": "DT_INT32",
    "uint8": "DT_UINT8",
    "int64": "DT_INT64",
    "bool": "DT_BOOL",
}


def to_tensor(array: np.ndarray) -> TensorProto:
    """A tensor of an array, its values as little-endian bytes.

    Example:
        >>> from_tensor(to_tensor(np.eye(2, dtype="float32"))).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    tensor = TensorProto(
        dtype=DTYPES[array.dtype.name][0], tensor_content=little.tobytes()
    )
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def from_tensor(tensor: TensorProto) -> np.ndarray:
    """The array of a tensor; one value may stand for all.

    Raises:
        Refusal: If the type is none that models take, or values do not fill the shape.
    """
    if tensor.dtype not in NAMES:
        offered = ", ".join(SPELLED.values())
        raise invalid(f"expected a tensor of {offered}, found type {tensor.dtype}")
    name = NAMES[tensor.dtype]
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if min(shape, default=0) < 0:
        raise invalid(f"expected a tensor of known shape, found {shape}")
    count, dtype = math.prod(shape), np.dtype(name)
    if content := tensor.tensor_content:
        whole = len(content) // dtype.itemsize
        values = np.frombuffer(content, dtype.newbyteorder("<"), count=whole)
    else:
        values = np.asarray(getattr(tensor, DTYPES[name][1]), dtype)
    # A few bytes may stand for a constant tensor, but not for any amount of memory.
    if len(values) == 1 and 1 < count <= MOST_FILLED:
        values = np.full(count, values[0])
    if len(values) != count:
        raise invalid(f"expected {count} values for {shape}, found {len(values)}")
    return values.reshape(shape).astype(dtype)

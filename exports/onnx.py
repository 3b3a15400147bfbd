"""ONNX of the signature `predict`, for runtimes that are neither TensorFlow nor TFLite.

tf2onnx converts and only logs what it cannot; whether the file runs and gives the same
numbers is for verification to say.
"""

from __future__ import annotations

import logging
import warnings

import keras
import numpy as np
import tensorflow as tf

# TensorFlow has no public name for it.
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from keras_astro.errors import ArtefactError, missing_extra

# The first that tf2onnx and onnxruntime of the last years share.
OPSET = 18

RESIZES = ["ResizeNearestNeighbor", "ResizeBilinear"]


def convert_onnx(endpoint: keras.Model) -> bytes:
    """Converts one signature; tensors keep their names, the batch is free.

    Args:
        endpoint: A model with dict inputs and outputs.

    Raises:
        MissingExtraError: If tf2onnx is not installed.
        ArtefactError: If images are resized with aligned corners.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tf2onnx
            from tf2onnx.handler import tf_op
    except ModuleNotFoundError as error:
        raise missing_extra(
            error.name or "tf2onnx", extra="onnx", purpose="--format onnx"
        ) from error
    _register_erfc(tf_op)
    _register_select(tf_op)
    _register_resize(tf_op)
    names = list(endpoint.input)
    specs = [
        tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, name=name)
        for name, tensor in endpoint.input.items()
    ]

    @tf.function(input_signature=specs)
    def predict(*tensors):
        found = endpoint(dict(zip(names, tensors, strict=True)), training=False)
        return {name: tf.identity(value, name=name) for name, value in found.items()}

    # The constants that layers hold would become inputs, were they not frozen first.
    frozen = convert_variables_to_constants_v2(predict.get_concrete_function())
    _refuse_aligned(frozen.graph)
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, _ = tf2onnx.convert.from_graph_def(
            frozen.graph.as_graph_def(),
            input_names=[tensor.name for tensor in frozen.inputs],
            output_names=[tensor.name for tensor in frozen.outputs],
            opset=OPSET,
        )
    tensors = [t.name for t in (*frozen.inputs, *frozen.outputs)]
    # TensorFlow orders the outputs of a dict by their names.
    named = [*names, *sorted(endpoint.output)]
    _rename(model.graph, dict(zip(tensors, named, strict=True)))
    return model.SerializeToString()


def _rename(graph, names: dict[str, str]) -> None:
    """Gives tensors of a graph other names."""
    for node in graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(name, name) for name in tensors]
    for tensor in (*graph.input, *graph.output):
        tensor.name = names.get(tensor.name, tensor.name)


def _register_erfc(tf_op) -> None:
    """GELU's complement of the error function, which tf2onnx does not know."""

    @tf_op("Erfc")
    class Erfc:
        @classmethod
        def version_9(cls, ctx, node, **_):
            one = ctx.make_const(f"{node.name}_one", np.array(1.0, np.float32))
            shape, kind = ctx.get_shape(node.output[0]), ctx.get_dtype(node.output[0])
            error = ctx.make_node("Erf", node.input, shapes=[shape], dtypes=[kind])
            ctx.remove_node(node.name)
            ctx.make_node(
                "Sub",
                [one.output[0], error.output[0]],
                outputs=node.output,
                shapes=[shape],
                dtypes=[kind],
            )


def _register_select(tf_op) -> None:
    """A choice between two tensors, which tf2onnx makes of products.

    NaN times zero is NaN, and pixels that are NaN are what is chosen against. Of this
    opset alone, so that tf2onnx's own, of lower ones, does not take its place.
    """

    @tf_op("SelectV2")
    class Select:
        @classmethod
        def version_18(cls, ctx, node, **_):
            node.type = "Where"


def _refuse_aligned(graph: tf.Graph) -> None:
    """Refuses what `_register_resize` would place wrongly.

    tf2onnx itself only logs an error of a node and goes on.
    """
    for node in graph.get_operations():
        if node.type in RESIZES and node.get_attr("align_corners"):
            raise ArtefactError(
                f"{node.name}: images resized with aligned corners cannot be "
                "converted to ONNX",
                hint="Resize with keras.layers.Resizing, or use --format tflite.",
            )


def _register_resize(tf_op) -> None:
    """Images that are resized.

    Sizes are written as ratios, as tf2onnx does because the batch is free, but as ones
    that give the size: 11 times the float32 of 21 / 11 is less than 21.
    """

    @tf_op(RESIZES)
    class Resize:
        @classmethod
        def version_18(cls, ctx, node, **_):
            before = np.array(ctx.get_shape(node.input[0])[1:3])
            after = np.array(node.inputs[1].get_tensor_value())
            ratio = (after / before).astype(np.float32)
            ratio = np.where(
                before * ratio < after, np.nextafter(ratio, np.float32(np.inf)), ratio
            )
            ratios = np.array([1, 1, *ratio], np.float32)
            scales = ctx.make_const(f"{node.name}_ratios", ratios).output[0]
            image = ctx.make_node("Transpose", [node.input[0]], {"perm": [0, 3, 1, 2]})
            centred = node.get_attr_value("half_pixel_centers", False)
            # Half a pixel off the centre and rounded: the pixel that holds the place.
            place, nearest = (
                ("half_pixel", "round_prefer_ceil")
                if centred
                else ("asymmetric", "floor")
            )
            rule = {
                "mode": "linear" if node.type == "ResizeBilinear" else "nearest",
                "coordinate_transformation_mode": place,
                "nearest_mode": nearest,
            }
            large = ctx.make_node("Resize", [image.output[0], "", scales], rule)
            shapes, kinds = node.output_shapes, node.output_dtypes
            ctx.remove_node(node.name)
            ctx.make_node(
                "Transpose",
                large.output,
                {"perm": [0, 2, 3, 1]},
                outputs=node.output,
                shapes=shapes,
                dtypes=kinds,
            )

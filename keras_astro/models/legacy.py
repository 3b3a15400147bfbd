"""Networks of Keras 2 in `.h5` files, rebuilt from an exact list of layers.

Public real-bogus networks are such files, which Keras 3 does not read. The file holds
the architecture as JSON and the weights as arrays. Nothing in it is run: a layer or an
activation that is not listed is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from keras_astro.errors import ArtefactError

# Settings that are read of each layer; others are those of training, or defaults.
CONVOLUTION = (
    "filters",
    "kernel_size",
    "strides",
    "padding",
    "dilation_rate",
    "activation",
    "use_bias",
)
POOLING = ("pool_size", "strides", "padding")
ALLOWED: dict[str, tuple[str, ...]] = {
    "Conv2D": (*CONVOLUTION, "groups"),
    "SeparableConv2D": (*CONVOLUTION, "depth_multiplier"),
    "DepthwiseConv2D": (
        *(name for name in CONVOLUTION if name != "filters"),
        "depth_multiplier",
    ),
    "Dense": ("units", "activation", "use_bias"),
    "MaxPooling2D": POOLING,
    "AveragePooling2D": POOLING,
    "GlobalAveragePooling2D": (),
    "GlobalMaxPooling2D": (),
    "BatchNormalization": ("axis", "epsilon", "center", "scale"),
    "Flatten": (),
    "Dropout": ("rate",),
    "Activation": ("activation",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "LeakyReLU": ("alpha",),
    "ZeroPadding2D": ("padding",),
    "Concatenate": ("axis",),
    "Add": (),
}
# Names that settings had in Keras 2.
RENAMED = {"alpha": "negative_slope"}
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax", "elu", "selu")


def read_legacy(path: Path) -> keras.Model:
    """Rebuilds the network of a Keras 2 file with its weights.

    Args:
        path: HDF5 file with `model_config` and `model_weights`.

    Raises:
        ArtefactError: If the file is no such file, or has a layer, an activation or
            an array that is not expected.
    """
    try:
        with h5py.File(path, "r") as file:
            described = _description(file, path)
            model = _build(described, path)
            _fill(model, file["model_weights"], path)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ArtefactError(
            f"{path}: expected a network saved by Keras 2, found none that can be "
            f"rebuilt ({error})",
            hint="Save the whole model with `model.save('FILE.h5')` in Keras 2.",
        ) from error
    return model


def _description(file: h5py.File, path: Path) -> dict[str, Any]:
    if "model_config" not in file.attrs or "model_weights" not in file:
        raise ArtefactError(
            f"{path}: expected the attribute model_config and the group model_weights, "
            f"found {sorted(file.attrs)} and {sorted(file)}",
            hint="A file of weights alone does not say what the network is.",
        )
    text = file.attrs["model_config"]
    return json.loads(text.decode() if isinstance(text, bytes) else text)


def _build(described: dict[str, Any], path: Path) -> keras.Model:
    kind, config = described["class_name"], described["config"]
    layers = config["layers"] if isinstance(config, dict) else config
    if kind == "Sequential":
        return _sequential(layers, path)
    if kind in ("Functional", "Model"):
        return _functional(config, path)
    raise ArtefactError(
        f"{path}: expected a Sequential or Model, found {kind}",
        hint="Rebuild it as a functional Model of plain layers, and save that in "
        "Keras 2.",
    )


def _sequential(layers: list[dict[str, Any]], path: Path) -> keras.Model:
    shape = layers[0]["config"]["batch_input_shape"][1:]
    inputs = x = keras.Input(tuple(shape), name="triplet")
    for described in layers:
        if described["class_name"] != "InputLayer":
            x = _layer(described, path)(x)
    return keras.Model(inputs, x)


def _functional(config: dict[str, Any], path: Path) -> keras.Model:
    tensors: dict[str, Any] = {}
    for described in config["layers"]:
        name = described["name"]
        if described["class_name"] == "InputLayer":
            shape = described["config"]["batch_input_shape"][1:]
            tensors[name] = keras.Input(tuple(shape), name=name)
            continue
        (node,) = described["inbound_nodes"]
        given = [tensors[source[0]] for source in node]
        layer = _layer(described, path)
        tensors[name] = layer(given if len(given) > 1 else given[0])
    inputs = [tensors[entry[0]] for entry in config["input_layers"]]
    outputs = [tensors[entry[0]] for entry in config["output_layers"]]
    return keras.Model(
        inputs[0] if len(inputs) == 1 else inputs,
        outputs[0] if len(outputs) == 1 else outputs,
    )


def _layer(described: dict[str, Any], path: Path) -> keras.layers.Layer:
    kind, config = described["class_name"], described["config"]
    if kind not in ALLOWED:
        raise ArtefactError(
            f"{path}: the layer {config.get('name')} is a {kind}, which is not "
            "imported",
            hint=f"Layers that are: {', '.join(ALLOWED)}",
        )
    activation = config.get("activation", "linear")
    if activation not in ACTIVATIONS:
        raise ArtefactError(
            f"{path}: {config.get('name')} has the activation {activation!r}; expected "
            f"one of {', '.join(ACTIVATIONS)}",
            hint="Train the network with one of these activations, and save it again.",
        )
    if config.get("data_format", "channels_last") != "channels_last":
        raise ArtefactError(
            f"{path}: expected channels last, found channels first",
            hint="Train the network with data_format='channels_last', and save it "
            "again.",
        )
    given = {RENAMED.get(k, k): config[k] for k in ALLOWED[kind] if k in config}
    if isinstance(given.get("axis"), list):
        (given["axis"],) = given["axis"]
    return getattr(keras.layers, kind)(name=config["name"], **given)


def _fill(model: keras.Model, weights: h5py.Group, path: Path) -> None:
    for layer in model.layers:
        if not layer.weights or isinstance(layer, keras.layers.Dropout):
            continue
        group = weights[layer.name]
        names = [
            n.decode() if isinstance(n, bytes) else n
            for n in group.attrs["weight_names"]
        ]
        arrays = [np.asarray(group[name]) for name in names]
        wanted = [tuple(w.shape) for w in layer.weights]
        if [a.shape for a in arrays] != wanted:
            raise ArtefactError(
                f"{path}: {layer.name} should have arrays of shapes {wanted}, found "
                f"{[a.shape for a in arrays]}",
                hint="Save the whole model again with `model.save('FILE.h5')` in "
                "Keras 2.",
            )
        layer.set_weights(arrays)

"""Transfer by layer name: what an encoder learned, what stays, what is fitted anew."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import keras

from keras_astro import __version__
from keras_astro.errors import ConfigError
from keras_astro.layers.pretraining import PretrainingRecord


class Unit(NamedTuple):
    """A layer with weights, its own name after those of the models around it."""

    names: tuple[str, ...]
    layer: keras.layers.Layer
    record: dict[str, Any] | None


def record_pretraining(
    encoder: keras.Model, *, task: str, data: str, rows: int, epochs: int
) -> keras.Model:
    """The trained encoder with a record of its training that its file keeps.

    Args:
        encoder: Trained model; the result shares its layers.
        task: What it was trained for.
        data: What it was trained on: a file, or a hash of its content.
        rows: Number of training rows.
        epochs: Number of passes over them.

    Returns:
        A model of the same inputs, outputs and name.

    Raises:
        ConfigError: If nothing was trained.

    Example:
        >>> from keras_astro.models.dense import dense_encoder
        >>> encoder = record_pretraining(
        ...     dense_encoder(9, 2), task="cgm", data="cgm.h5", rows=900, epochs=50
        ... )
        >>> pretraining(encoder)["epochs"]
        50
    """
    if rows < 1 or epochs < 1:
        raise ConfigError(
            f"{encoder.name}: a record of pre-training needs rows and epochs, "
            f"received {rows} and {epochs}",
            hint="Train the encoder first, and say on how many rows and for how many "
            "epochs.",
        )
    layer = PretrainingRecord(name="pretraining")
    outputs = layer(encoder.output)
    layer.set_record(
        {
            "task": task,
            "data": data,
            "rows": rows,
            "epochs": epochs,
            "keras_astro": __version__,
        }
    )
    return keras.Model(encoder.input, outputs, name=encoder.name)


def pretraining(model: keras.Model) -> dict[str, Any] | None:
    """The record of a model's pre-training; None where it has none."""
    for layer in _inside(model):
        if isinstance(layer, PretrainingRecord):
            return layer.record
    return None


def freeze(model: keras.Model, *patterns: str) -> None:
    """Keeps layers as they are in further training. Compile the model afterwards.

    Args:
        model: Model that holds a recorded encoder.
        *patterns: Names of layers, or of models for all their layers; `*` and `?`
            stand for any characters, as in file names.

    Raises:
        ConfigError: If a pattern fits no layer with weights, or one that has no record
            of pre-training: it would keep its random weights.

    Example:
        >>> from keras_astro.models.dense import dense_encoder
        >>> encoder = dense_encoder(9, 2)
        >>> encoder = record_pretraining(
        ...     encoder, task="cgm", data="cgm.h5", rows=900, epochs=50
        ... )
        >>> freeze(encoder, "encoder_*")
        >>> [w.path for w in encoder.trainable_weights]
        ['z/kernel', 'z/bias']
    """
    found = [unit for pattern in patterns for unit in matching(model, pattern)]
    for unit in found:
        if unit.record is None:
            raise ConfigError(
                f"{unit.layer.name} has no recorded pre-training: frozen, it would "
                "keep its random weights",
                hint="Train the encoder first and pass it through record_pretraining.",
            )
    for unit in found:
        unit.layer.trainable = False


def unfreeze(model: keras.Model, *patterns: str) -> None:
    """Lets layers train again. Compile the model afterwards.

    Raises:
        ConfigError: If a pattern fits no layer with weights.
    """
    found = [unit for pattern in patterns for unit in matching(model, pattern)]
    for unit in found:
        unit.layer.trainable = True


def matching(model: keras.Model, pattern: str) -> list[Unit]:
    """The layers with weights whose name, or a model's around them, fits a pattern.

    Raises:
        ConfigError: If there is none, with the nearest name.
    """
    every = list(units(model))
    found = [u for u in every if any(fnmatchcase(n, pattern) for n in u.names)]
    if found:
        return found
    names = list(dict.fromkeys(name for unit in every for name in unit.names))
    near = difflib.get_close_matches(pattern, names, n=1, cutoff=0.5)
    suggestion = f" (did you mean {near[0]}?)" if near else ""
    raise ConfigError(
        f"{model.name}: no layer with weights is named {pattern}{suggestion}",
        hint=f"Its layers: {', '.join(names)}",
    )


def units(layer: keras.layers.Layer, above: tuple[str, ...] = ()) -> Iterator[Unit]:
    """The layers with weights, those inside models and their wrappers one by one."""
    yield from _units(layer, above, None)


def _units(layer, above, record) -> Iterator[Unit]:
    inside = _inside(layer)
    names = (*above, layer.name)
    if isinstance(layer, keras.Model):
        record = pretraining(layer) or record
    elif not any(isinstance(part, keras.Model) for part in inside):
        # A recurrent layer and its cell are one: their files keep one `trainable`.
        if layer.weights:
            yield Unit(names, layer, record)
        return
    for part in inside:
        yield from _units(part, names, record)


def _inside(layer) -> list[keras.layers.Layer]:
    # The public list leaves out what layers wrap.
    return list(layer._flatten_layers(include_self=False, recursive=False))

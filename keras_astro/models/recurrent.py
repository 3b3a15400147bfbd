"""Encoders of sequences with gaps at the end, such as the alerts of one object.

All take named inputs: `sequence` `(batch, step, feature)`, finite throughout, and
`mask` `(batch, step)`, 1 where a step was observed and 0 where it is padding. The code
does not depend on what stands in padded steps, nor on how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_astro.errors import ConfigError
from keras_astro.layers.pooling import MaskedMean1D
from keras_astro.models.dense import ACTIVATION

CELLS = {"gru": layers.GRU, "lstm": layers.LSTM}


def recurrent_encoder(
    sequence_shape: Sequence[int | None],
    latent_dim: int,
    *,
    cell: str = "gru",
    units: Sequence[int] = (32,),
) -> keras.Model:
    """Recurrent encoder; padded steps leave the state as it is.

    Export its `unrolled` twin: small runtimes have no loop.

    Args:
        sequence_shape: `(step, feature)`; steps may be None for any number.
        latent_dim: Width of the code `z`, linear.
        cell: `gru` or `lstm`.
        units: Width of each recurrent layer.

    Returns:
        `{"sequence", "mask"}` to `(batch, latent_dim)`.

    Raises:
        ConfigError: If the cell is unknown.

    Reference:
        Cho et al. 2014, EMNLP (GRU); Hochreiter and Schmidhuber 1997 (LSTM).

    Example:
        >>> recurrent_encoder((8, 5), 4, cell="lstm").output_shape
        (None, 4)
    """
    if cell not in CELLS:
        raise ConfigError(
            f"recurrent cell: expected one of {sorted(CELLS)}, received {cell!r}",
            hint="Use gru, which has fewer weights.",
        )
    inputs = _inputs(sequence_shape)
    observed = inputs["mask"] > 0.5
    x = inputs["sequence"]
    for i, width in enumerate(units):
        x = CELLS[cell](
            width, return_sequences=i < len(units) - 1, name=f"encoder_{i}"
        )(x, mask=observed)
    return keras.Model(inputs, layers.Dense(latent_dim, name="z")(x), name="encoder")


def temporal_encoder(
    sequence_shape: Sequence[int | None],
    latent_dim: int,
    *,
    filters: Sequence[int] = (32, 32),
    kernel_size: int = 3,
) -> keras.Model:
    """Dilated convolutions over time and the mean over observed steps.

    Padding is set to zero before each convolution, as beyond the ends of a sequence.
    It exports as it is.

    Args:
        sequence_shape: `(step, feature)`; steps may be None for any number.
        latent_dim: Width of the code `z`, linear.
        filters: Filters of each convolution; the n-th looks `2 ** n` steps apart.
        kernel_size: Steps that a kernel sees.

    Returns:
        `{"sequence", "mask"}` to `(batch, latent_dim)`.

    Reference:
        Bai, Kolter and Koltun 2018, arXiv:1803.01271; here both past and future are
        seen, because the sequence is known to its end.

    Example:
        >>> temporal_encoder((8, 5), 4).output_shape
        (None, 4)
    """
    inputs = _inputs(sequence_shape)
    steps = sequence_shape[0]
    weight = layers.Reshape((-1 if steps is None else steps, 1), name="weight")(
        inputs["mask"]
    )
    x = inputs["sequence"]
    for i, width in enumerate(filters):
        x = layers.Multiply(name=f"observed_{i}")([x, weight])
        x = layers.Conv1D(
            width,
            kernel_size,
            padding="same",
            dilation_rate=2**i,
            activation=ACTIVATION,
            name=f"encoder_{i}",
        )(x)
    x = MaskedMean1D(name="mean")([x, inputs["mask"]])
    return keras.Model(inputs, layers.Dense(latent_dim, name="z")(x), name="encoder")


def unrolled(model: keras.Model) -> keras.Model:
    """A copy of a model whose recurrent layers have no loop, with the same weights.

    It gives the same numbers, takes more memory, and exports with operations that
    small runtimes have.

    Args:
        model: Functional model with a fixed number of steps; it may hold others.

    Raises:
        ConfigError: If the number of steps is free.

    Example:
        >>> twin = unrolled(recurrent_encoder((8, 5), 4))
        >>> twin.get_layer("encoder_0").unroll
        True
    """
    for layer in model._flatten_layers():  # the public list leaves out wrapped layers
        if not isinstance(layer, layers.RNN):
            continue
        if keras.tree.flatten(layer.input)[0].shape[1] is None:
            raise ConfigError(
                f"{model.name}: {layer.name} runs over any number of steps, and only a "
                "fixed number can be unrolled",
                hint="Build the model with a number of steps, then copy the weights.",
            )
    described = keras.saving.serialize_keras_object(model)
    twin = keras.saving.deserialize_keras_object(_without_loops(described))
    twin.set_weights(model.get_weights())
    return twin


def _without_loops(described):
    """A serialised model in which every layer that has a loop is unrolled."""
    if isinstance(described, dict):
        changed = {key: _without_loops(value) for key, value in described.items()}
        return changed | {"unroll": True} if "unroll" in changed else changed
    if isinstance(described, list | tuple):
        return type(described)(_without_loops(value) for value in described)
    return described


def _inputs(sequence_shape: Sequence[int | None]) -> dict:
    steps, features = sequence_shape
    return {
        "sequence": keras.Input((steps, features), name="sequence"),
        "mask": keras.Input((steps,), name="mask"),
    }

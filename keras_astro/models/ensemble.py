"""Deep ensembles as one model: one input, one file, one prediction with its error."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_astro.errors import ConfigError
from keras_astro.layers.ensemble import mixture_moments


def regression_ensemble(members: Sequence[keras.Model]) -> keras.Model:
    """Mean and total variance of members trained from different initial weights.

    Args:
        members: Models of the same inputs to `(mean, sd)`, each `(batch, parameter)`,
            such as a head followed by `PredictiveMoments`. They stay inside.

    Returns:
        The members' inputs to `mean`, `variance` and `disagreement`, the part of the
        variance that comes from the members' means, each `(batch, parameter)`.

    Raises:
        ConfigError: If there are fewer than two members or they do not match.

    Reference:
        Lakshminarayanan, Pritzel and Blundell 2017, NeurIPS, section 2.4.
    """
    inputs, outputs = _called(members)
    if any(len(keras.tree.flatten(found)) != 2 for found in outputs):
        raise ConfigError(
            "ensemble: expected members that give (mean, sd)",
            hint="Put PredictiveMoments behind each member's head.",
        )
    columns = [
        layers.Reshape((1, *x.shape[1:]), name=f"{what}_of_{i}")(x)
        for i, found in enumerate(outputs)
        for what, x in zip(("mean", "sd"), keras.tree.flatten(found), strict=True)
    ]
    means = layers.Concatenate(axis=1, name="means")(columns[0::2])
    sds = layers.Concatenate(axis=1, name="sds")(columns[1::2])
    names = ("mean", "variance", "disagreement")
    found = mixture_moments(means, sds**2)
    return keras.Model(inputs, dict(zip(names, found, strict=True)), name="ensemble")


def classification_ensemble(members: Sequence[keras.Model]) -> keras.Model:
    """Mean probability of members trained from different initial weights.

    Args:
        members: Models of the same inputs to probabilities `(batch, class)`.

    Returns:
        The members' inputs to `probability`, `(batch, class)`.

    Raises:
        ConfigError: If there are fewer than two members or they do not match.
    """
    inputs, outputs = _called(members)
    probability = layers.Average(name="probability")(outputs)
    return keras.Model(inputs, {"probability": probability}, name="ensemble")


def _called(members: Sequence[keras.Model]):
    """New named inputs and the outputs of each member, renamed apart, on them."""
    if len(members) < 2:
        raise ConfigError(
            f"ensemble: expected two members or more, received {len(members)}",
            hint="Train the same network again with another seed.",
        )
    shapes = [
        keras.tree.map_structure(lambda x: x.shape, (member.input, member.output))
        for member in members
    ]
    for i, found in enumerate(shapes):
        if found != shapes[0]:
            raise ConfigError(
                f"ensemble: member {i} maps {found}, member 0 maps {shapes[0]}",
                hint="Train all members on the same inputs and parameters.",
            )
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(x.shape[1:], name=x.name, dtype=x.dtype),
        members[0].input,
    )
    renamed = [
        keras.Model(member.input, member.output, name=f"member_{i}")
        for i, member in enumerate(members)
    ]
    return inputs, [member(inputs) for member in renamed]

"""Classes: a head of logits, and probabilities at a fitted temperature."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_astro.layers.temperature import TemperatureScaling
from keras_astro.models.dense import ACTIVATION


def class_head(
    features: int, classes: int, *, hidden: Sequence[int] = (64,), dropout: float = 0.0
) -> keras.Model:
    """Dense head to one logit a class.

    Train it with `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`.

    Args:
        features: Width of the input, e.g. of a code.
        classes: Number of classes.
        hidden: Widths of the hidden layers.
        dropout: Share of hidden units left out in training.

    Returns:
        `(batch, features)` to `(batch, classes)`.

    Example:
        >>> class_head(8, 5).output_shape
        (None, 5)
    """
    inputs = keras.Input((features,), name="features")
    x = inputs
    for i, width in enumerate(hidden):
        x = layers.Dense(width, ACTIVATION, name=f"head_{i}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"dropout_{i}")(x)
    outputs = layers.Dense(classes, name="logits")(x)
    return keras.Model(inputs, outputs, name="class_head")


def with_probabilities(model: keras.Model, temperature: float = 1.0) -> keras.Model:
    """Probabilities of a model of logits; it stays inside and shares its weights.

    Args:
        model: Any inputs to logits `(batch, class)`.
        temperature: As `keras_astro.metrics.fit_temperature` finds it on rows that
            trained nothing. It is saved and exported with the model.

    Returns:
        The model's inputs to probabilities `(batch, class)`.

    Example:
        >>> with_probabilities(class_head(8, 5), 1.3).output_shape
        (None, 5)
    """
    scaling = TemperatureScaling(name="temperature")
    logits = scaling(model.output)
    scaling.set_temperature(temperature)
    probabilities = layers.Softmax(name="probability")(logits)
    return keras.Model(model.input, probabilities, name="probabilities")

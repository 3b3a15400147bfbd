"""The models of the training-step benchmarks, with their arithmetic counted."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from keras_astro.layers.contractive import ContractiveEncoder
from keras_astro.models.autoencoder import (
    ACTIVATION,
    chain,
    conv_decoder,
    conv_encoder,
    dense_encoder,
)
from keras_astro.tasks.base import Stage

PIXELS = 3501
WIDTHS = (1024, 256, 64)
LATENTS = 32
# Chosen for 0.77 M parameters, most of them on both sides of the code.
FRAME, FILTERS, CONV_LATENTS = (64, 64, 1), (16, 32, 64), 83
STAMP, FEATURES, CLASSES = (21, 21, 3), 12, 5


@dataclass(frozen=True)
class Case:
    """One model at one batch size; `steps` are timed together."""

    name: str
    kind: str
    batch: int
    steps: int


CASES = (
    Case("dense 3501, batch 128", "dense", 128, 16),
    Case("dense 3501, batch 512", "dense", 512, 8),
    Case("conv 64x64, batch 128", "conv", 128, 2),
    Case("stamp 21x21x3 + 12, batch 128", "stamp", 128, 16),
)


def encoder(kind: str) -> keras.Model:
    """The encoder of an autoencoder; its first layer is `encoder_0`."""
    if kind == "dense":
        return dense_encoder(PIXELS, LATENTS, hidden=WIDTHS)
    return conv_encoder(FRAME, CONV_LATENTS, filters=FILTERS)


def decoder(kind: str) -> keras.Model:
    """The mirror of `encoder`."""
    if kind == "conv":
        return conv_decoder(CONV_LATENTS, FRAME, filters=FILTERS)
    inputs = keras.Input((LATENTS,), name="z")
    x = inputs
    for i, width in enumerate(reversed(WIDTHS)):
        x = layers.Dense(width, ACTIVATION, name=f"decoder_{i}")(x)
    return keras.Model(inputs, layers.Dense(PIXELS, name="features")(x), name="decoder")


def stamp_classifier() -> keras.Model:
    """Three convolutions of a stamp beside a layer of features, then a small head.

    Stamp and features come as one row, as a single array of the pipeline.
    """
    pixels = int(np.prod(STAMP))
    inputs = keras.Input((pixels + FEATURES,))
    x = layers.Reshape(STAMP)(inputs[:, :pixels])
    for i, filters in enumerate((32, 64, 64)):
        x = layers.Conv2D(
            filters, 3, padding="same", activation="relu", name=f"stamp_{i}"
        )(x)
        if i < 2:
            x = layers.MaxPooling2D()(x)
    x = layers.Dense(64, "relu", name="stamp_code")(layers.Flatten()(x))
    y = layers.Dense(32, "relu", name="feature_code")(inputs[:, pixels:])
    x = layers.Dense(64, "relu", name="head")(layers.Concatenate()([x, y]))
    return keras.Model(inputs, layers.Dense(CLASSES, name="logits")(x))


def keras_model(
    kind: str, *, penalty: str | None = None, policy: str = "float32"
) -> keras.Model:
    """A model with the same first weights each time.

    Args:
        kind: `dense`, `conv` or `stamp`.
        penalty: Method of the contraction of an autoencoder, weighted 0.01.
        policy: Keras dtype policy.
    """
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    if kind == "stamp":
        model = stamp_classifier()
    elif penalty is None:
        model = chain(encoder(kind), decoder(kind))
    else:
        inner = encoder(kind)
        inputs = keras.Input(inner.input_shape[1:])
        code = ContractiveEncoder(inner, 0.01, penalty, seed=0)(inputs)
        model = keras.Model(inputs, decoder(kind)(code))
    keras.config.set_dtype_policy(before)
    return model


def training_rows(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of `case.steps` batches; only their size matters."""
    rng = np.random.default_rng(0)
    rows = case.batch * case.steps
    if case.kind == "stamp":
        x = rng.normal(size=(rows, int(np.prod(STAMP)) + FEATURES)).astype("float32")
        return x, rng.integers(0, CLASSES, rows)
    shape = (PIXELS,) if case.kind == "dense" else FRAME
    x = rng.normal(size=(rows, *shape)).astype("float32")
    return x, x


def stage(case: Case, model: keras.Model) -> Stage:
    """The model as the package trains it."""
    x, y = training_rows(case)
    classes = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Stage(
        name=case.kind,
        model=model,
        inputs=x,
        targets=y,
        validation=(x[:1], y[:1]),
        loss=classes if case.kind == "stamp" else "mse",
        epochs=10_000,
        batch_size=case.batch,
        learning_rate=1e-3,
    )


def training_flops(case: Case) -> float:
    """Floating-point operations of the products of one step.

    Each dense layer or convolution costs `2 n_in n_out` a row, and a position for
    convolutions: once forward, once for its weights' gradient and once for its input's
    gradient; the last is not needed where the input is data. All else is not counted:
    activations, biases, resizing, loss and optimiser.
    """
    total = 0.0
    for layer in keras_model(case.kind)._flatten_layers():
        if not isinstance(layer, layers.Dense | layers.Conv2D):
            continue
        places = np.prod(layer.output.shape[1:-1])
        first = layer.name in ("encoder_0", "stamp_0", "feature_code")
        passes = 2 if first else 3
        total += passes * 2 * float(np.prod(layer.kernel.shape)) * places
    return total * case.batch

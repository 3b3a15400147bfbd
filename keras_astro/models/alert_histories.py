"""From all alerts of an object to its class: what each says, and how it changes."""

from __future__ import annotations

import keras
from keras import layers, ops

from keras_astro.layers.alert_times import FILTERS, StepTimes
from keras_astro.layers.classes import Standardise
from keras_astro.layers.column import WithoutColumns
from keras_astro.layers.pooling import MaskedMean1D
from keras_astro.models.alert_classifier import (
    ClassifierParts,
    Decisions,
    beside_codes,
    decided,
    scored,
)
from keras_astro.models.recurrent import (
    recurrent_encoder,
    temporal_encoder,
    unrolled,
)
from keras_astro.preprocessing.stamps import Turn, orientations


def history_head(
    steps: int,
    width: int,
    classes: int,
    *,
    kind: str,
    units: int,
    dropout: float,
    seed: int,
) -> keras.Model:
    """The mean of the single alerts' logits, and a correction that starts at zero.

    An untrained head is thus the mean over alerts, and for a lone alert its class.

    Args:
        steps: Alerts in a row, the newest first.
        width: Of a standardised code, with features where there are any.
        classes: Number of classes.
        kind: `gru` or `tcn`, a convolution over time.
        units: Width of the summary of a history.
        dropout: Share of the summary that a training step leaves out.
        seed: Seed of that choice.

    Returns:
        `code` `(batch, step, width)`, `logits` `(batch, step, class)`, `days` and
        `band` `(batch, step)` to logits `(batch, class)`.
    """
    inputs = {
        "code": keras.Input((steps, width), name="code"),
        "logits": keras.Input((steps, classes), name="logits"),
        "days": keras.Input((steps,), name="days"),
        "band": keras.Input((steps,), name="band"),
    }
    mask, times = StepTimes(name="times")([inputs["days"], inputs["band"]])
    seen = layers.Concatenate(name="step")([inputs["code"], inputs["logits"], times])
    shape = (steps, width + classes + 1 + FILTERS)
    encoder = (
        recurrent_encoder(shape, units, units=(units,))
        if kind == "gru"
        else temporal_encoder(shape, units, filters=(units, units))
    )
    x = layers.ReLU(name="summary")(encoder({"sequence": seen, "mask": mask}))
    if dropout:
        x = layers.Dropout(dropout, seed=seed, name="dropout")(x)
    change = layers.Dense(classes, kernel_initializer="zeros", name="change")(x)
    mean = MaskedMean1D(name="mean_logits")([inputs["logits"], mask])
    return keras.Model(inputs, layers.Add(name="sum")([mean, change]), name="history")


def exportable(head: keras.Model, **options) -> keras.Model:
    """The same head without dropout and without loops, which small runtimes lack.

    Args:
        head: A trained `history_head`.
        **options: With which it was built.
    """
    twin = history_head(**options | {"dropout": 0.0})
    twin.set_weights([w.numpy() for w in head.weights if "seed" not in w.path])
    return unrolled(twin)


def history_classifier(
    parts: ClassifierParts,
    history: keras.Model,
    decisions: Decisions,
    *,
    turns: int,
    unread: tuple[int, int] = (0, 0),
) -> keras.Model:
    """Joins the pieces into a model of an alert with the earlier ones of its object.

    Args:
        parts: Fitted pieces of the model of single alerts.
        history: See `exportable`.
        decisions: How classes and anomalies are decided.
        turns: Orientations over which logits are averaged.
        unread: First column of the code that the history's head does not read, and
            the first one after it that it reads again.

    Returns:
        Inputs `stamps` `(batch, step, y, x, 3)`, `days` and `band` `(batch, step)`
        and, with features, `metadata` `(batch, step, feature)`; outputs as of
        `alert_classifier`, where code, frame and anomaly score are the alert's own.
    """
    steps = history.input["days"].shape[1]
    shape = parts.stem.input_shape[1:]
    inputs = {
        "stamps": keras.Input((steps, *shape), name="stamps"),
        "days": keras.Input((steps,), name="days"),
        "band": keras.Input((steps,), name="band"),
    }
    times = {name: inputs[name] for name in ("days", "band")}
    frames, measures = parts.stem(ops.reshape(inputs["stamps"], (-1, *shape)))
    table = None
    if parts.features:
        inputs["metadata"] = keras.Input((steps, parts.features), name="metadata")
        table = ops.reshape(inputs["metadata"], (-1, parts.features))
    joined = beside_codes(parts, measures, table)
    standardise = Standardise(name="standardise")
    embedding = Standardise(name="embedding")
    read = WithoutColumns(*unread, name="history_reads")

    def stepped(x):
        return ops.reshape(x, (-1, steps, x.shape[-1]))

    logits, own = [], None
    for number in orientations(turns):
        turned = Turn(number, name=f"turn_{number}")(frames) if number else frames
        z = parts.encoder(turned)
        own = z if own is None else own
        single = parts.head(joined(standardise(z)))
        seen = embedding(z)
        if unread[1] > unread[0]:
            seen = read(seen)
        rows = {"code": stepped(joined(seen)), "logits": stepped(single)}
        logits.append(history(rows | times))
    mean = layers.Average(name="all_turns")(logits) if turns > 1 else logits[0]
    frame = ops.reshape(frames, (-1, steps, *frames.shape[1:]))[:, 0]
    z = stepped(own)[:, 0]
    outputs = decided(mean, parts.classes, decisions)
    outputs |= scored(frame, z, parts.decoder(z), embedding(z), decisions)
    return keras.Model(inputs, outputs, name="alert_classifier")

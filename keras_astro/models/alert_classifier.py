"""The full alert model: stamps and metadata in, classes and anomaly score out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
from keras import layers

from keras_astro.layers.classes import (
    BoundedStandardise,
    Decision,
    KnownFeatures,
    Standardise,
)
from keras_astro.layers.column import Column
from keras_astro.layers.conformal import AtMost, CombinedScore, ConformalPValue
from keras_astro.layers.residual import (
    MeanSquaredResidual,
    ReconstructionPenalty,
    SquareMean,
)
from keras_astro.layers.temperature import TemperatureScaling
from keras_astro.preprocessing.stamps import RandomTurns, Turn, orientations

# Both parts of the anomaly score are mean squares.
ENERGY = {"reconstruction_mse": True, "embedding_distance": True}


@dataclass
class ClassifierParts:
    """The fitted pieces of which the full model consists.

    Args:
        stem: Stamps to frame and measures.
        encoder: Frame to `z`.
        decoder: `z` to frame.
        head: Standardised code, and what stands beside it, to logits.
        classes: Names of the logits.
        metadata: Of what stands beside the code, the layer that standardises packet
            metadata; None without.
        measures: The same of measures.
    """

    stem: keras.Model
    encoder: keras.Model
    decoder: keras.Model
    head: keras.Model
    classes: Sequence[str]
    metadata: KnownFeatures | None = None
    measures: BoundedStandardise | None = None

    @property
    def features(self) -> int:
        """Number of metadata features; 0 without metadata."""
        return 0 if self.metadata is None else self.metadata.mean.shape[0]


@dataclass
class Decisions:
    """How classes and anomalies are decided.

    Args:
        abstain_below: Probability below which no class is named.
        calibration_rows: Rows that p-values are computed from.
        false_positive_rate: Of rows like the training rows that are flagged.
    """

    abstain_below: float
    calibration_rows: int
    false_positive_rate: float


def alert_classifier(
    parts: ClassifierParts, decisions: Decisions, *, turns: int
) -> keras.Model:
    """Joins the pieces into one functional model with named outputs.

    Logits are averaged over `turns` orientations of each frame. Statistics (of codes,
    temperature, score reference) are set on the layers afterwards.

    Returns:
        Inputs `stamps` `(batch, y, x, 3)` and, with features, `metadata`
        `(batch, feature)`; outputs `class_index`, `confidence`, `abstains`,
        `probability_<class>`, `score`, `p_value`, `is_anomaly`, its parts, `z`,
        `frame` and `reconstruction`.
    """
    stamps = keras.Input(parts.stem.input_shape[1:], name="stamps")
    inputs = {"stamps": stamps}
    frame, measures = parts.stem(stamps)
    z = parts.encoder(frame)
    standardise = Standardise(name="standardise")
    code = standardise(z)
    if parts.features:
        inputs["metadata"] = keras.Input((parts.features,), name="metadata")
    join = beside_codes(parts, measures, inputs.get("metadata"))
    logits = []
    for number in orientations(turns):
        turned = code
        if number:
            image = Turn(number, name=f"turn_{number}")(frame)
            turned = standardise(parts.encoder(image))
        logits.append(parts.head(join(turned)))
    mean = layers.Average(name="mean_logits")(logits) if turns > 1 else logits[0]
    outputs = decided(mean, parts.classes, decisions)
    embedding = Standardise(name="embedding")(z)
    outputs |= scored(frame, z, parts.decoder(z), embedding, decisions)
    return keras.Model(inputs, outputs, name="alert_classifier")


def beside_codes(parts: ClassifierParts, measures, metadata) -> Callable:
    """What puts standardised features and measures beside a code, as a head reads it.

    Args:
        parts: The layers that standardise them.
        measures: `(batch, measure)`.
        metadata: `(batch, feature)`; None without features.
    """
    beside = []
    if parts.metadata is not None:
        beside.append(parts.metadata(metadata))
    if parts.measures is not None:
        beside.append(parts.measures(measures))
    if not beside:
        return lambda code: code
    join = layers.Concatenate(name="code_and_features")
    return lambda code: join([code, *beside])


def decided(logits, classes: Sequence[str], decisions: Decisions) -> dict:
    """Calibrated probabilities and the class that they name, by output."""
    tempered = TemperatureScaling(name="temperature")(logits)
    probabilities = layers.Softmax(name="probabilities")(tempered)
    decision = Decision(decisions.abstain_below, name="decision")
    outputs = dict(
        zip(
            ("class_index", "confidence", "abstains"),
            decision(probabilities),
            strict=True,
        )
    )
    for i, name in enumerate(classes):
        outputs[f"probability_{name}"] = Column(i, name=f"column_{name}")(probabilities)
    return outputs


def scored(frame, z, reconstruction, embedding, decisions: Decisions) -> dict:
    """The anomaly score of a frame and what it is made of, by output."""
    outputs = {
        "reconstruction_mse": MeanSquaredResidual(name="mse")([frame, reconstruction]),
        "embedding_distance": SquareMean(name="distance")(embedding),
        "z": z,
        "frame": frame,
        "reconstruction": reconstruction,
    }
    score = CombinedScore(list(ENERGY.values()), name="combined_score")(
        [outputs[name] for name in ENERGY]
    )
    p_value = ConformalPValue(decisions.calibration_rows, name="conformal")(score)
    flag = AtMost(decisions.false_positive_rate, name="at_most")(p_value)
    return outputs | {"score": score, "p_value": p_value, "is_anomaly": flag}


def training_model(autoencoder: keras.Model, *, seed: int) -> keras.Model:
    """Frame to its reconstruction, turned at random, with the error as the loss."""
    frame = keras.Input(autoencoder.input_shape[1:], name="frame")
    turned = RandomTurns(seed, name="turns")(frame)
    reconstruction = ReconstructionPenalty(1.0, name="penalty")(
        [turned, autoencoder(turned)]
    )
    return keras.Model(frame, reconstruction, name="turned_autoencoder")


def joint_model(
    encoder: keras.Model,
    decoder: keras.Model,
    head: keras.Model,
    *,
    beside: int,
    weight: float,
    seed: int,
) -> keras.Model:
    """Frame, and what stands beside its code, to logits; the decoder is a penalty.

    Args:
        encoder: Frame to `z`.
        decoder: `z` to frame.
        head: Code, with what stands beside it, to logits.
        beside: Width of that; 0 where there is nothing.
        weight: Of the reconstruction error.
        seed: Of the orientations.

    Returns:
        Inputs `frame` and, with a width, `features` `(batch, beside)`; output logits
        `(batch, class)`.
    """
    frame = keras.Input(encoder.input_shape[1:], name="frame")
    inputs = {"frame": frame}
    turned = RandomTurns(seed, name="turns")(frame)
    z = encoder(turned)
    code = z
    if beside:
        inputs["features"] = keras.Input((beside,), name="features")
        code = layers.Concatenate(name="code_and_features")([z, inputs["features"]])
    logits = ReconstructionPenalty(weight, name="penalty")(
        [turned, decoder(z), head(code)]
    )
    return keras.Model(inputs, logits, name="joint")


def endpoints(model: keras.Model) -> dict[str, keras.Model]:
    """The named signatures of a full alert model."""
    inputs, outputs = model.input, model.output
    stamps = {"stamps": inputs["stamps"]}
    maps = ("frame", "reconstruction")
    decoder = model.get_layer("decoder")
    z = keras.Input(model.get_layer("encoder").output_shape[1:], name="z")
    found = {
        name: keras.Model(stamps, {k: outputs[k] for k in names}, name=name)
        for name, names in {
            "encode": ("z",),
            "reconstruct": maps,
            "score": ("score", "p_value", "is_anomaly"),
        }.items()
    }
    chosen = {k: v for k, v in outputs.items() if k not in maps}
    found["predict"] = keras.Model(inputs, chosen, name="predict")
    found["decode"] = keras.Model({"z": z}, {"reconstruction": decoder(z)})
    return found

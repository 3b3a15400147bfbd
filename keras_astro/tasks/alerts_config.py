"""Settings of the alerts case; the reason stands beside each number."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from keras_astro.config import (
    DataConfig,
    FinetuneConfig,
    RunConfig,
    Section,
    TrainConfig,
)
from keras_astro.tasks.objective_config import CodeObjective


class Preprocessing(Section):
    """From raw stamps to the frame that the networks see."""

    # 21 pixels hold the source and its host; the context shows the field around them.
    pixels: Literal[21, 33, 63] = 21
    # asinh keeps how bright a source is, and the ratio of science to template.
    normalise: Literal["asinh", "minmax", "l2"] = "asinh"
    # The whole stamp, averaged to the size of the crop, as three more channels.
    context: bool = True


class Model(Section):
    """The networks."""

    # joint: encoder, decoder and head at once. frozen: the autoencoder first, then
    # the head alone on its embedding.
    mode: Literal["joint", "frozen"] = "joint"
    latent_dim: int = Field(64, ge=1)
    # In joint mode, principal components of the frames behind these coordinates. They
    # hold what a stamp looks like, so that the convolutions need only tell classes.
    components: int = Field(64, ge=0)
    filters: tuple[int, ...] = (32, 48, 64)
    # Of the decoder in joint mode, which has little to add to principal components; in
    # frozen mode it has the encoder's.
    decoder_filters: tuple[int, ...] = (8, 16, 24)
    hidden: tuple[int, ...] = (128, 64)
    dropout: float = Field(0.3, ge=0, lt=1)
    # Packet metadata beside the images. Off: simulated metadata are only as true as
    # their priors; turn it on where real alerts train.
    metadata: bool = False
    # Photometry, moments and neighbours beside the code, in joint mode: networks that
    # simulations alone trained rely on them where real pixels look otherwise.
    measures: bool = True
    # Orientations over which logits are averaged: 1, half turns, quarter turns, or
    # mirrored too. Measures are the same in all; with them four are as good as two.
    turns: Literal[1, 2, 4, 8] = 2
    # Alerts of one object together: a recurrent network or a convolution over time, on
    # the codes of the single alerts. none: every alert alone.
    sequence: Literal["none", "gru", "tcn"] = "none"
    # The alert and as many earlier ones less one; later detections of a night say
    # little more, and eight reach back by about a month.
    max_alerts: int = Field(8, ge=2, le=32)
    units: int = Field(48, ge=1)
    # Both hold for the autoencoder of the frozen mode.
    variational: bool = False
    prior: Literal["normal", "mixture", "flow"] = "normal"


class Objective(CodeObjective):
    """What is minimised; the penalties are those of the frozen mode's autoencoder."""

    # Weight of the reconstruction error beside the cross-entropy in joint mode. With
    # it the error stays near that of an autoencoder alone.
    reconstruction: float = Field(10.0, ge=0)
    # Rare classes count as much as frequent ones.
    class_weights: Literal["balanced", "none"] = "balanced"
    # Share of a label that is spread over all classes in joint mode. Without it
    # confidence grows for as long as it is rewarded, and one of two trainings on 20,000
    # alerts came back from a loss of 0.57 to 1.19.
    label_smoothing: float = Field(0.05, ge=0, lt=1)
    # Share of the targets that a forest on the measures (and on metadata that the model
    # reads) gives, for rows that it has not seen, in joint mode; the other part of them
    # is smoothed. It says how sure one may be of a class; networks that learn from it
    # do better on stamps of another origin.
    forest: float = Field(0.5, ge=0, le=1)


class Classifier(Section):
    """The head on the frozen embedding."""

    epochs: int = Field(15, ge=1)


class History(Section):
    """The network of `model.sequence`, on codes of an encoder that stays as it is."""

    # Few objects have many alerts: longer learns them by heart.
    epochs: int = Field(8, ge=1)


class Scores(Section):
    """Decisions on top of probabilities and errors."""

    abstain_below: float = Field(0.5, ge=0, lt=1)
    false_positive_rate: float = Field(0.01, gt=0, lt=1)
    bootstrap: int = Field(1000, ge=10)


class Finetune(FinetuneConfig):
    """How a finished run learns from real labels by `kastro finetune`."""

    # Each leaves out the objects of another part of the labelled rows.
    fits: int = Field(4, ge=2)
    epochs: int = Field(25, ge=1)
    batch_size: int = Field(32, ge=1)
    # At 1e-3 fits end too far apart for the mean of their weights to be a network as
    # good as they are.
    learning_rate: float = Field(3e-4, gt=0)
    label_smoothing: float = Field(0.05, ge=0, lt=1)
    # Share of the parent's weights in the mean.
    parent_share: float = Field(0.25, ge=0, lt=1)


class Simulation(Section):
    """The data simulated when none is given."""

    # Balanced, so that every class is learned.
    shares: dict[str, float] = {
        "SN": 0.2,
        "AGN": 0.2,
        "VS": 0.2,
        "asteroid": 0.2,
        "bogus": 0.2,
    }
    # Most alerts of one object; with model.sequence, 1 stands for what it can take.
    max_alerts: int = Field(1, ge=1, le=32)


class AlertsConfig(RunConfig):
    """All settings of an alerts run."""

    task: Literal["alerts"] = "alerts"
    data: DataConfig = DataConfig(
        simulated_rows=20_000,
        validation_fraction=0.06,
        calibration_fraction=0.08,
        test_fraction=0.12,
    )
    preprocessing: Preprocessing = Preprocessing()
    model: Model = Model()
    objective: Objective = Objective()
    classifier: Classifier = Classifier()
    history: History = History()
    scores: Scores = Scores()
    simulation: Simulation = Simulation()
    finetune: Finetune = Finetune()
    # Real alerts are few and differ from simulated ones: longer fits the latter only.
    train: TrainConfig = TrainConfig(epochs=8)

    @model_validator(mode="before")
    @classmethod
    def _objects_with_histories(cls, values):
        """A model of several alerts is given objects that have several."""
        model = values.get("model") or {}
        if not isinstance(model, dict) or model.get("sequence", "none") == "none":
            return values
        simulation = values.get("simulation") or {}
        most = model.get("max_alerts", Model.model_fields["max_alerts"].default)
        if not isinstance(simulation, dict):
            return values
        if simulation.get("max_alerts", 1) > 1:
            return values
        return values | {"simulation": simulation | {"max_alerts": most}}

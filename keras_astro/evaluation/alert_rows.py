"""Classified test rows of an alert model, and what the baselines make of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from keras_astro.data.alert_histories import rows_before
from keras_astro.data.alert_schema import CLASSES
from keras_astro.data.sample import Source
from keras_astro.evaluation.adaptation import Adapted, read_adapted
from keras_astro.evaluation.subject import Subject
from keras_astro.inference.batch import predict_source
from keras_astro.preprocessing.stamps import orientations
from keras_astro.tasks.alerts_forest import grown
from keras_astro.tasks.alerts_rows import (
    Beside,
    Raw,
    class_numbers,
    one_hot,
    orient,
    read_rows,
)
from keras_astro.tasks.catalog import model_rows

# Training rows that the baselines learn from, at most.
BASELINE_ROWS = 4000
BASELINE_EPOCHS = 15


@dataclass
class AlertRows:
    """Classified test rows.

    Args:
        outputs: The model's table outputs by name.
        labels: Class numbers, -1 where unknown.
        names: Labels as the data gives them.
        groups: Objects.
        stamps: Raw stamps of the rows in `shown`.
        shown: Rows that the model got wrong, most confident first.
        frame_variance: Mean square of each row's frame about the mean training frame,
            and about its reconstruction; `(row, 2)`.
        baselines: Predicted class numbers by baseline.
        flags: Quality flags.
        alerts: How many alerts of its object each row sees, where it sees several.
        resamples: Bootstrap resamples.
        adapted: What fine-tuning did; None of a run that was trained.
    """

    outputs: dict[str, np.ndarray]
    labels: np.ndarray
    names: np.ndarray
    groups: np.ndarray
    stamps: np.ndarray
    shown: np.ndarray
    flags: np.ndarray
    frame_variance: np.ndarray | None = None
    baselines: dict[str, np.ndarray] = field(default_factory=dict)
    alerts: np.ndarray | None = None
    resamples: int = 1000
    adapted: Adapted | None = None

    @property
    def probabilities(self) -> np.ndarray:
        """`(row, class)`."""
        columns = [self.outputs[f"probability_{name}"] for name in CLASSES]
        # In single precision a softmax may exceed 1 by rounding.
        return np.clip(np.stack(columns, axis=1), 0.0, 1.0)

    @property
    def predicted(self) -> np.ndarray:
        """Class numbers that the model names, `(row,)`."""
        return np.rint(self.outputs["class_index"]).astype(int)


def classify_rows(subject: Subject) -> AlertRows:
    """Classifies all rows; of a run, also by the baselines."""
    rows = model_rows(subject.test, subject.predictor.manifest)
    outputs, flags = predict_source(subject.predictor, rows)
    facts = subject.test.facts()
    names = label_names(subject.test)
    labels = class_numbers(names, len(flags))
    found = AlertRows(
        outputs=outputs,
        labels=labels,
        names=names,
        groups=facts["group"],
        stamps=np.empty(0),
        shown=np.empty(0, int),
        flags=flags,
    )
    wrong = np.flatnonzero((labels >= 0) & (found.predicted != labels))
    found.shown = wrong[np.argsort(-outputs["confidence"][wrong], kind="stable")][:10]
    found.stamps = subject.test.take(found.shown).inputs["stamps"]
    if subject.run is not None:
        found.resamples = subject.run.config.scores.bootstrap
        found.adapted = read_adapted(subject.run.path)
        _add_baselines(subject, found)
    return found


def label_names(source: Source) -> np.ndarray:
    """Labels of a source as text, empty where it has none."""
    parts = [
        block.targets.get("label", np.full(len(block), "", dtype=str))
        for block in source.blocks(1024)
    ]
    return np.concatenate([part.astype(str) for part in parts])


def _add_baselines(subject: Subject, found: AlertRows) -> None:
    model = subject.run.load_model()
    stem = model.get_layer("stem")
    rows = np.linspace(0, len(subject.train) - 1, BASELINE_ROWS).astype(int)
    train = subject.train.take(np.unique(rows))
    raw = read_rows(stem, _memory(train))
    test = read_rows(stem, subject.test)
    if len(model.input["stamps"].shape) == 5:
        found.alerts = np.sum(
            rows_before(subject.test, model.input["stamps"].shape[1]) >= 0, axis=1
        )
        found.baselines["single_alert"] = single_alerts(
            model, test, turns=subject.run.config.model.turns
        )
    about_mean = test.frames - raw.frames.mean(axis=0)
    squares = np.mean(about_mean**2, axis=(1, 2, 3))
    found.frame_variance = np.stack([squares, found.outputs["reconstruction_mse"]], 1)
    known, labels = raw.labels >= 0, raw.labels
    if len(np.unique(labels[known])) < 2:
        return
    found.baselines["random_encoder"] = random_encoder(
        subject.run.config, raw.frames[known], labels[known], test.frames
    )
    seed = subject.run.config.seed
    forest = grown(raw.measures[known], labels[known], "balanced", seed)
    found.baselines["measures"] = forest.predict(test.measures)
    if np.isfinite(raw.metadata).any():
        found.baselines["metadata"] = boosted_metadata(
            raw.metadata[known], labels[known], test.metadata
        )


def _memory(sample) -> Source:
    from keras_astro.data.sample import MemorySource

    return MemorySource(sample)


def single_alerts(model, raw: Raw, *, turns: int) -> np.ndarray:
    """Classes of alerts by a model's encoder and head, each alert alone."""
    encoder, head = model.get_layer("encoder"), model.get_layer("head")
    standardise = model.get_layer("standardise")
    beside = Beside.of(model)(raw)
    logits = 0.0
    for turn in orientations(turns):
        z = encoder.predict(orient(raw.frames, turn), verbose=0, batch_size=512)
        code = np.concatenate([np.asarray(standardise(z)), beside], axis=1)
        logits = logits + head.predict(code, verbose=0, batch_size=2048)
    return logits.argmax(axis=1)


def random_encoder(config, frames, labels, test_frames) -> np.ndarray:
    """The same head on the embedding of an encoder that was never trained."""
    import keras

    from keras_astro.tasks.alerts_networks import build_autoencoder_parts

    keras.utils.set_random_seed(config.seed + 1)
    encoder, _ = build_autoencoder_parts(config, frames.shape[1:])
    return head_on(encoder, config, frames, labels, test_frames)


def head_on(encoder, config, frames, labels, test_frames) -> np.ndarray:
    """Classes of test frames by a new head on standardised codes of an encoder."""
    import keras

    from keras_astro.tasks.alerts_networks import build_head

    z = encoder.predict(frames, verbose=0, batch_size=512)
    mean, sd = z.mean(axis=0), np.maximum(z.std(axis=0), 1e-6)
    code_alone = config.model.model_copy(update={"metadata": False, "measures": False})
    head = build_head(config.model_copy(update={"model": code_alone}))
    head.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    targets = one_hot(labels)
    epochs = BASELINE_EPOCHS
    head.fit((z - mean) / sd, targets, batch_size=128, epochs=epochs, verbose=0)
    test = (encoder.predict(test_frames, verbose=0, batch_size=512) - mean) / sd
    return head.predict(test, verbose=0, batch_size=1024).argmax(axis=1)


def boosted_metadata(metadata, labels, test_metadata) -> np.ndarray:
    """Gradient boosting on the packets' metadata alone, without any image."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    seen = np.isfinite(metadata).any(axis=0)
    model = HistGradientBoostingClassifier(
        max_iter=80, class_weight="balanced", random_state=0
    )
    # On a few thousand rows threads wait for each other longer than they compute.
    with threadpool_limits(1):
        model.fit(metadata[:, seen], labels)
        return model.predict(test_metadata[:, seen])

"""Alerts: classes and an anomaly score of survey stamps, from one embedding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import keras
import numpy as np

from keras_astro.data.alert_histories import BANDS, AlertHistories
from keras_astro.data.alert_schema import ALERTS, CLASSES, FEATURES
from keras_astro.data.gather import check_held
from keras_astro.data.sample import Sample
from keras_astro.errors import ConfigError, DataError
from keras_astro.metrics.classification import balanced_accuracy
from keras_astro.models import alert_classifier, alert_networks
from keras_astro.simulate.alert_config import AlertSimulation
from keras_astro.simulate.alerts import iter_simulate
from keras_astro.tasks.alerts_adaptation import AlertsAdaptation
from keras_astro.tasks.alerts_assembly import assembled
from keras_astro.tasks.alerts_config import AlertsConfig
from keras_astro.tasks.alerts_histories import TURNS, history_stage
from keras_astro.tasks.alerts_networks import reads_measures, trained_parts
from keras_astro.tasks.alerts_rows import (
    Beside,
    class_numbers,
    code_statistics,
    read_rows,
)
from keras_astro.tasks.alerts_stages import (
    HEAD_TURNS,
    Prepared,
    autoencoder_stage,
    class_weights,
    classifier_stage,
    coder_of,
    joint_stage,
)
from keras_astro.tasks.base import Parts, Stage, Task

TERMS = {
    "stamps": ("adu", "Science, template and difference stamps, NaN where no data"),
    "metadata": ("", f"{', '.join(FEATURES)}; NaN or 1e30 where unknown"),
    "class_index": ("", f"Most probable of {', '.join(CLASSES)}, counted from 0"),
    "confidence": ("", "Its probability"),
    "abstains": ("", "Whether that probability is too low to name a class"),
    "score": ("", "Anomaly score, larger is more unlike the training rows"),
    "p_value": ("", "Chance that a row like the training rows scores as high"),
    "is_anomaly": ("", "Whether the p-value is at most the false positive rate"),
    "reconstruction_mse": ("", "Mean squared error of the autoencoder"),
    "embedding_distance": ("", "Mean square of the standardised embedding"),
    "z": ("", "Embedding"),
    "frame": ("", "Masked, normalised, cropped stamps as the networks see them"),
    "reconstruction": ("", "Its reconstruction"),
    "days": ("d", "How long before the alert each earlier one of its object was"),
    "band": ("", f"Number of the filter of each: {', '.join(BANDS)}"),
} | {
    f"probability_{name}": ("", f"Calibrated probability of {name}") for name in CLASSES
}


class AlertsTask(Task):
    """See `Task`; one encoder serves reconstruction, classes and anomalies."""

    name = "alerts"
    schema = ALERTS
    terms = TERMS
    classes = CLASSES
    prepared_settings = tuple(
        f"model.{name}"
        for name in ("mode", "metadata", "measures", "sequence", "max_alerts")
    )

    def simulate(
        self, config: AlertsConfig, n: int, *, seed: int, jobs: int = 1, skip: int = 0
    ) -> Iterator[Sample]:
        """Alerts of five classes in the configured shares."""
        unknown = set(config.simulation.shares) - set(CLASSES)
        if unknown:
            raise ConfigError(
                f"simulation.shares: {', '.join(sorted(unknown))} is no class; the "
                f"classes are {', '.join(CLASSES)}",
                hint="Name classes of this list alone.",
            )
        prior = AlertSimulation(
            shares=dict(config.simulation.shares),
            max_alerts=config.simulation.max_alerts,
        )
        return iter_simulate(prior, n, seed=seed, jobs=jobs, skip=skip)

    def prepare(self, config: AlertsConfig, parts: Parts) -> Prepared:
        """Computes frames and measures of the training and validation rows.

        Raises:
            DataError: If no class, or only one, is labelled in the training rows.
        """
        shape = parts.train.read(0, 1).inputs["stamps"].shape[1:]
        settings = config.preprocessing
        stem = alert_networks.alert_stem(
            shape,
            pixels=settings.pixels,
            normalise=settings.normalise,
            context=settings.context,
        )
        check_held(
            len(parts.train),
            4 * np.prod(stem.output_shape[0][1:]),
            limit_mb=config.data.memory_limit_mb,
            task=self.name,
        )
        raw = [read_rows(stem, part) for part in (parts.train, parts.validation)]
        present = np.unique(raw[0].labels[raw[0].labels >= 0])
        if len(present) < 2:
            raise DataError(
                f"{parts.train.name}: expected training rows of at least two of the "
                f"classes {', '.join(CLASSES)}, found {len(present)}",
                hint="Give labelled data: an array `label` with these names.",
            )
        beside = Beside.fitted(
            raw[0], metadata=config.model.metadata, measures=reads_measures(config)
        )
        histories = None
        if config.model.sequence != "none":
            steps = config.model.max_alerts
            histories = tuple(
                AlertHistories(part, steps) for part in (parts.train, parts.validation)
            )
        return Prepared(stem, beside, *(part.rows(beside) for part in raw), histories)

    def stages(self, config: AlertsConfig, prepared: Prepared) -> Iterator[Stage]:
        """All networks at once, or the autoencoder and then the head on its codes.

        The head's rows are computed when the autoencoder is trained, so that it can
        only meet an embedding whose training is on record.
        """
        if config.model.mode == "joint":
            stages = [joint_stage(config, prepared)]
            yield stages[0]
        else:
            first = autoencoder_stage(config, prepared)
            yield first
            stages = [first, classifier_stage(config, prepared, first.model)]
            yield stages[1]
        if prepared.histories:
            models = {stage.name: stage.model for stage in stages}
            train, held = zip(
                (prepared.train, prepared.validation), prepared.histories, strict=True
            )
            yield history_stage(
                config,
                coder_of(config, prepared, models),
                train,
                held,
                class_weights(config, prepared.train.labelled.labels),
            )

    def sketch(self, config: AlertsConfig) -> AlertsConfig:
        """The same settings: nothing is simulated beside the data."""
        return config

    def stage_rows(self, config: AlertsConfig, train_rows: int) -> dict[str, int]:
        """Every labelled row in all orientations trains a frozen run's head."""
        rows = {"joint": train_rows}
        if config.model.mode == "frozen":
            rows = {"autoencoder": train_rows, "classifier": HEAD_TURNS * train_rows}
        if config.model.sequence != "none":
            rows["history"] = TURNS * train_rows
        return rows

    def assemble(
        self,
        config: AlertsConfig,
        prepared: Prepared,
        models: Mapping[str, keras.Model],
        parts: Parts,
    ) -> keras.Model:
        """Joins the pieces; the calibration rows set temperature and p-values."""
        joint = models.get("joint")
        encoder, decoder = trained_parts(joint or models["autoencoder"])
        pieces = alert_classifier.ClassifierParts(
            stem=prepared.stem,
            encoder=encoder,
            decoder=decoder,
            head=joint.get_layer("head") if joint else models["classifier"],
            classes=CLASSES,
            metadata=prepared.beside.metadata,
            measures=prepared.beside.measures,
        )
        return assembled(
            config,
            pieces,
            parts,
            code_statistics(encoder, prepared.train.frames),
            standardised=joint is None,
            history=models.get("history"),
        )

    def adaptation(self, config, model, parts, observed, labelled):
        """See `Task`; all networks learn on from labelled rows."""
        return AlertsAdaptation(config, model, parts, observed, labelled)

    def endpoints(self, model: keras.Model) -> dict[str, keras.Model]:
        """The named signatures of the full model."""
        return alert_classifier.endpoints(model)

    def calibration(self, model: keras.Model) -> dict[str, float]:
        """False positive rate, calibration rows, temperature, and the abstain level."""
        scores = np.asarray(model.get_layer("conformal").calibration)
        rate = model.get_layer("at_most").rate
        return {
            "false_positive_rate": rate,
            "n": len(scores),
            "threshold": float(np.quantile(scores, 1 - rate, method="higher")),
            "temperature": float(model.get_layer("temperature").temperature),
            "abstain_below": model.get_layer("decision").abstain_below,
        }

    def merit(
        self, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
    ) -> dict[str, float]:
        """Balanced accuracy, where rows are labelled."""
        numbers = class_numbers(targets.get("label"), len(outputs["class_index"]))
        known = numbers >= 0
        if len(np.unique(numbers[known])) < 2:
            return {}
        found = balanced_accuracy(numbers[known], outputs["class_index"][known])
        return {"balanced_accuracy": found}

    def objective(
        self,
        config: AlertsConfig,
        prepared: Prepared,
        models: Mapping[str, keras.Model],
    ) -> dict[str, float]:
        """Balanced error of the validation rows, and their reconstruction error."""
        held = prepared.validation.labelled
        coder = coder_of(config, prepared, models)
        z = coder.encoder.predict(held.frames, verbose=0, batch_size=512)
        decoder = trained_parts(models.get("joint") or models["autoencoder"])[1]
        drawn = decoder.predict(z, verbose=0, batch_size=512)
        mse = float(np.mean((drawn - held.frames) ** 2))
        logits = coder.logits(z, held.features)
        if "history" in models:
            rows = prepared.validation
            given = coder.steps(rows, prepared.histories[1], 0)
            logits = models["history"].predict(given, verbose=0)[rows.labels >= 0]
        error = 1.0 - balanced_accuracy(held.labels, logits.argmax(axis=1))
        return {
            "objective": error + mse,
            "val_balanced_error": error,
            "val_reconstruction": mse,
        }

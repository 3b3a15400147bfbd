"""Moving an alert model to observed stamps, with the labels of some of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import keras
import numpy as np

from keras_astro.data.alert_schema import CLASSES, SENTINEL
from keras_astro.data.gather import check_held, spread
from keras_astro.data.sample import MemorySource, Sample, Source, Subset
from keras_astro.errors import ConfigError, DataError
from keras_astro.metrics.classification import balanced_accuracy
from keras_astro.metrics.domains import domain_auc
from keras_astro.models import alert_classifier
from keras_astro.preprocessing.stamps import orientations
from keras_astro.tasks.alerts_assembly import assembled
from keras_astro.tasks.alerts_calibration import best_temperature
from keras_astro.tasks.alerts_config import AlertsConfig
from keras_astro.tasks.alerts_networks import build_head
from keras_astro.tasks.alerts_rows import (
    BLOCK,
    Beside,
    Rows,
    class_numbers,
    code_statistics,
    dealt,
    of_objects,
    orient,
    read_rows,
    smoothed,
)
from keras_astro.tasks.alerts_stages import class_weights
from keras_astro.tasks.base import Adaptation, Parts, Stage

# The networks that are moved.
MOVED = ("encoder", "decoder", "head")
# Observed rows that p-values are computed from: more take time and add little.
REFERENCE_ROWS = 4000
# Fewer say little: with rows that trained, p-values are a little too low.
FEWEST_REFERENCE_ROWS = 20
# Codes kept to be drawn.
SHOWN = 500


class AlertsAdaptation(Adaptation):
    """See `Adaptation`; the weights of several fits and of the parent are averaged.

    Each fit starts at the parent and leaves out the rows of some objects, so that every
    labelled row is classified by a fit that has not seen it. Their weights are averaged
    with the parent's: what fits a few real rows by heart differs from fit to fit, and
    what simulated rows taught is kept. The result is one network, as fast as the
    parent. The rows left out set its temperature and say how good it is; observed rows
    whose objects trained nothing are the reference of anomaly scores.

    Args:
        config: Settings of the new run.
        model: Full model of the parent.
        parts: The parent's rows.
        observed: Observed rows, whose labels are not looked at.
        labelled: Rows whose labels are.

    Raises:
        ConfigError: If the parent is of the frozen mode, has a head of histories, or
            was trained with other networks, or if the labelled rows exceed the memory.
        DataError: If there are no labels, or of some class fewer objects than fits; if
            stamps have another shape, or metadata are missing that the parent reads.

    Reference:
        Wortsman et al. 2022, CVPR, "Robust fine-tuning of zero-shot models", eq. 1, and
        2022, ICML, "Model soups: averaging weights of multiple fine-tuned models".
    """

    def __init__(
        self,
        config: AlertsConfig,
        model: keras.Model,
        parts: Parts,
        observed: Source,
        labelled: Sample | None,
    ):
        _check_networks(config, model)
        if labelled is None:
            raise DataError(
                f"{observed.name}: alerts are fine-tuned on labels, and none are given",
                hint="Add --labels FILE: rows with an array `label`.",
            )
        self.config, self.model, self.beside = config, model, Beside.of(model)
        self.observed = spread(observed, REFERENCE_ROWS)
        self.parts = parts
        for name, rows in (
            (observed.name, observed.read(0, 1)),
            (labelled.name, labelled),
        ):
            _check_stamps(name, rows, model.get_layer("stem").input_shape[1:])
        self.rows = self._labelled(labelled)
        self.fold = folds(self.rows.labels, self.rows.objects, config)
        self.facts: dict[str, object] = {
            "observed_rows": len(observed),
            "labelled_rows": len(self.fold),
            "labelled_objects": len(np.unique(self.rows.objects)),
        }
        self.reference = self._reference()

    def stages(self) -> Iterator[Stage]:
        """One fit after the other, each without the objects of its fold."""
        settings = self.config.finetune
        weights = class_weights(self.config, self.rows.labels)
        for number in range(settings.fits):
            kept, left = (
                self.rows.take(np.flatnonzero(chosen))
                for chosen in (self.fold != number, self.fold == number)
            )
            share = settings.label_smoothing
            yield Stage(
                name=f"fit_{number + 1}",
                model=self._learner(number),
                inputs=self._inputs(kept),
                targets=smoothed(kept.labels, share, weights),
                validation=(
                    self._inputs(left),
                    smoothed(left.labels, share, weights),
                ),
                loss=keras.losses.CategoricalCrossentropy(from_logits=True),
                epochs=settings.epochs,
                batch_size=settings.batch_size,
                learning_rate=settings.learning_rate,
            )

    def assemble(self, fitted: Mapping[str, keras.Model]) -> keras.Model:
        """The averaged network, with what observed rows fix in it."""
        start = [self.model.get_layer(name).get_weights() for name in MOVED]
        ends = [
            [learner.get_layer(name).get_weights() for name in MOVED]
            for learner in fitted.values()
        ]
        before = self._logits(self.rows)
        share = self.config.finetune.parent_share
        unseen = np.zeros_like(before)
        for number, end in enumerate(ends):
            self._set(_mean([start, end], [share, 1 - share]))
            left = np.flatnonzero(self.fold == number)
            unseen[left] = self._logits(self.rows.take(left))
        self._set(start)
        codes = self._codes("before")
        self._set(
            _mean([start, *ends], [share] + [(1 - share) / len(ends)] * len(ends))
        )
        self.codes = codes | self._codes("after")
        labels = self.rows.labels
        for name, logits in (("parent", before), ("unseen", unseen)):
            found = balanced_accuracy(labels, logits.argmax(axis=1))
            self.facts[f"balanced_accuracy_{name}"] = found
        model = self._joined()
        model.get_layer("temperature").set_temperature(best_temperature(unseen, labels))
        return model

    def summary(self) -> tuple[dict, dict[str, np.ndarray]]:
        """Rows, balanced accuracies by cross-validation, AUC of domains; codes."""
        facts = self.facts | {
            f"domain_auc_{when}": domain_auc(
                self.codes[f"synthetic_{when}"], self.codes[f"observed_{when}"]
            )
            for when in ("before", "after")
        }
        return facts, self.codes

    def _labelled(self, labelled: Sample) -> Rows:
        known = class_numbers(labelled.targets.get("label"), len(labelled)) >= 0
        labelled = labelled.take(np.flatnonzero(known))
        if not known.any():
            raise DataError(
                f"{labelled.name}: expected an array `label` with names of the classes "
                f"{', '.join(CLASSES)}, found none of them",
                hint="Write the classes with these names, as they are spelled here.",
            )
        if self.config.model.metadata:
            _check_metadata(labelled)
        check_held(
            len(labelled),
            4 * np.prod(self.model.get_layer("stem").output_shape[0][1:]),
            limit_mb=self.config.data.memory_limit_mb,
            task="alerts",
        )
        return self._read(MemorySource(labelled))

    def _reference(self) -> Source:
        """Observed rows of objects that train nothing; all where too few are left."""
        objects = [block.meta["group"] for block in self.observed.blocks(BLOCK)]
        other = np.flatnonzero(~np.isin(np.concatenate(objects), self.rows.objects))
        trained = len(other) < FEWEST_REFERENCE_ROWS
        found = self.observed if trained else Subset(self.observed, other)
        self.facts |= {"reference_rows": len(found), "reference_trained": trained}
        return found

    def _read(self, source: Source) -> Rows:
        return read_rows(self.model.get_layer("stem"), source).rows(self.beside)

    def _inputs(self, rows: Rows) -> dict[str, np.ndarray]:
        found = {"frame": rows.frames}
        return found | ({"features": rows.features} if rows.features.size else {})

    def _learner(self, number: int) -> keras.Model:
        """Copies of the parent's networks that learn together, as in joint training."""
        seed = self.config.seed + number
        encoder, decoder = (
            keras.models.clone_model(self.model.get_layer(name))
            for name in ("encoder", "decoder")
        )
        # A finished model's head has lost its dropout.
        head = build_head(self.config.model_copy(update={"seed": seed}))
        for name, copy in zip(MOVED, (encoder, decoder, head), strict=True):
            copy.set_weights(self.model.get_layer(name).get_weights())
        return alert_classifier.joint_model(
            encoder,
            decoder,
            head,
            beside=self.rows.features.shape[1],
            weight=self.config.objective.reconstruction,
            seed=seed,
        )

    def _set(self, weights: list) -> None:
        for name, values in zip(MOVED, weights, strict=True):
            self.model.get_layer(name).set_weights(values)

    def _logits(self, rows: Rows) -> np.ndarray:
        """Of the networks as they are now, over the orientations of the run."""
        encoder, head = (self.model.get_layer(name) for name in ("encoder", "head"))
        found = 0.0
        turns = orientations(self.config.model.turns)
        for number in turns:
            z = encoder.predict(orient(rows.frames, number), verbose=0, batch_size=512)
            code = np.concatenate([z, rows.features], axis=1)
            found = found + head.predict(code, verbose=0, batch_size=512)
        return found / len(turns)

    def _codes(self, when: str) -> dict[str, np.ndarray]:
        sources = {"synthetic": self.parts.validation, "observed": self.observed}
        encoder = self.model.get_layer("encoder")
        return {
            f"{name}_{when}": encoder.predict(
                self._read(spread(source, SHOWN)).frames, verbose=0, batch_size=512
            )
            for name, source in sources.items()
        }

    def _joined(self) -> keras.Model:
        pieces = alert_classifier.ClassifierParts(
            *(self.model.get_layer(name) for name in ("stem", *MOVED)),
            classes=CLASSES,
            metadata=self.beside.metadata,
            measures=self.beside.measures,
        )
        rows = self.reference
        statistics = code_statistics(pieces.encoder, self._read(rows).frames)
        parts = Parts(self.parts.train, rows, rows, rows)
        return assembled(self.config, pieces, parts, statistics)


def _mean(weights: list, shares: list[float]) -> list[list[np.ndarray]]:
    """Weighted mean of lists of the arrays of several networks."""
    return [
        [
            sum(s * array for s, array in zip(shares, arrays, strict=True))
            for arrays in zip(*networks, strict=True)
        ]
        for networks in zip(*weights, strict=True)
    ]


def folds(labels: np.ndarray, objects: np.ndarray, config: AlertsConfig) -> np.ndarray:
    """Number of the fit that leaves a row out, with its object; see `dealt`.

    Args:
        labels: Class numbers, `(row,)`.
        objects: Names, `(row,)`.
        config: Number of fits, and the seed.

    Raises:
        DataError: If a class has fewer objects than there are fits.
    """
    counts = np.bincount(of_objects(labels, objects)[0], minlength=len(CLASSES))
    fits, fewest = config.finetune.fits, int(counts.min())
    if fewest < fits:
        raise DataError(
            f"labelled rows: expected at least {fits} objects of each class, found "
            f"{fewest} of {CLASSES[counts.argmin()]}",
            hint=f"Give more, or fewer fits: --set finetune.fits={fewest}"
            if fewest >= 2
            else f"Give labelled rows of it: two objects of each of "
            f"{', '.join(CLASSES)} are the fewest that fits can be made of.",
        )
    return dealt(labels, objects, fits, np.random.default_rng([config.seed, 7]))


def _check_networks(config: AlertsConfig, model: keras.Model) -> None:
    if config.model.mode == "frozen" or config.model.sequence != "none":
        raise ConfigError(
            f"model.mode = {config.model.mode}, model.sequence = "
            f"{config.model.sequence}: such a head is for an encoder that stays as "
            "it is",
            hint="Fine-tune a run of model.mode=joint and model.sequence=none.",
        )
    ours, theirs = (
        [weight.shape for weight in head.get_weights()]
        for head in (build_head(config), model.get_layer("head"))
    )
    if ours != theirs:
        raise ConfigError(
            f"model: expected the networks of the run that is moved, whose head has "
            f"weights of {theirs}, found settings for {ours}",
            hint="Leave out --set model.hidden, model.latent_dim, model.metadata and "
            "model.measures.",
        )


def _check_stamps(name: str, rows: Sample, wanted: tuple[int, ...]) -> None:
    given = rows.inputs["stamps"].shape[1:]
    if tuple(given) != tuple(wanted):
        raise DataError(
            f"{name}: expected stamps of {tuple(wanted)}, found {tuple(given)}",
            hint="Give alerts of the size that the run was trained on, or train a run "
            "on stamps of this size.",
        )


def _check_metadata(labelled: Sample) -> None:
    given = labelled.inputs.get("metadata")
    if given is None or not np.any(np.abs(given) < SENTINEL):
        raise DataError(
            f"{labelled.name}: expected an array `metadata`, which the run reads "
            "beside stamps (model.metadata = true), found none that is known",
            hint="Give packets or rows with metadata, or fine-tune a run of "
            "model.metadata=false.",
        )

"""What spectra look like to the stellar networks: coefficients, noise and labels."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.data.gather import gather
from keras_astro.data.sample import Sample, Source
from keras_astro.errors import DataError
from keras_astro.layers.domain import ResidualLevel
from keras_astro.layers.pca import PrincipalComponents
from keras_astro.models.stellar import INPUTS

LABELS = ("teff_kelvin", "logg_dex", "metallicity_dex", "vsini_kms")
BLOCK = 512


@dataclass
class Features:
    """What one part of the split looks like to the networks.

    Args:
        coefficients: `(row, component)`.
        level: Residual level of each row, `(row, 1)`.
        normalised: Normalised spectra where the regressor sees them, else None.
        labels: `(row, label)`.
    """

    coefficients: np.ndarray
    level: np.ndarray
    normalised: np.ndarray | None
    labels: np.ndarray


@dataclass
class Prepared:
    """Fitted preprocessing and the cached features of a run."""

    stem: keras.Model
    components: PrincipalComponents
    level: ResidualLevel
    train: Features
    validation: Features


def read_labels(sample: Sample) -> np.ndarray:
    """Labels `(row, label)` of rows to learn from.

    Raises:
        DataError: If one is missing or not a finite number.
    """
    missing = [name for name in LABELS if name not in sample.targets]
    if missing:
        raise DataError(
            f"{sample.name}: no labels to learn from: {', '.join(missing)} absent",
            hint="Give labelled spectra, e.g. those of kastro simulate stellar.",
        )
    labels = np.stack([sample.targets[name] for name in LABELS], axis=1)
    if not np.isfinite(labels).all():
        raise DataError(
            f"{sample.name}: expected finite labels in all training rows",
            hint="Leave out rows whose labels are not known.",
        )
    return labels.astype("float32")


def label_units(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each label, the latter never 0."""
    sd = labels.std(axis=0)
    return labels.mean(axis=0), np.where(sd > 0, sd, 1.0)


def model_inputs(sample: Sample) -> dict[str, np.ndarray]:
    """The stem's inputs; what the data lacks is filled as the schema says."""
    given = sample.inputs
    shape = given["flux"].shape
    fields = sample.schema.group("inputs")
    return {
        name: np.asarray(
            given[name] if name in given else np.full(shape, fields[name].fill),
            "float32",
        )
        for name in INPUTS
    }


def blocks(stem: keras.Model, source: Source) -> Iterator[tuple[dict, Sample]]:
    """Normalised spectra of a source, block by block, with the rows themselves."""
    for sample in source.blocks(BLOCK):
        found = stem.predict_on_batch(model_inputs(sample))
        yield {k: np.asarray(v) for k, v in found.items()}, sample


def features(
    stem: keras.Model,
    components: PrincipalComponents,
    level: ResidualLevel,
    source: Source,
    *,
    direct: bool = False,
    labelled: bool = True,
    limit_mb: float = math.inf,
) -> Features:
    """The features of all rows of a source; of rows without labels, labels of NaN.

    With `direct` the normalised spectra are kept too, in a file beyond `limit_mb`.
    """
    coefficients, levels, labels = [], [], []

    def normalised() -> Iterator[np.ndarray]:
        for spectra, sample in blocks(stem, source):
            found = components(spectra["normalised"])
            projected = components(found, inverse=True)
            seen = [spectra["normalised"], projected, spectra["good"]]
            coefficients.append(np.asarray(found))
            levels.append(np.asarray(level(seen)))
            none = np.full((len(sample), len(LABELS)), np.nan, "float32")
            labels.append(read_labels(sample) if labelled else none)
            yield spectra["normalised"]

    kept = None
    if direct:
        kept = gather(normalised(), len(source), limit_mb=limit_mb)
    else:
        deque(normalised(), maxlen=0)
    return Features(
        np.concatenate(coefficients),
        np.concatenate(levels),
        kept,
        np.concatenate(labels),
    )

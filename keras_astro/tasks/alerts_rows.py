"""What alert networks see of some rows: frames, features, class numbers."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.data.alert_schema import CLASSES, FEATURES, SENTINEL
from keras_astro.data.sample import Source
from keras_astro.layers.classes import BoundedStandardise, KnownFeatures
from keras_astro.preprocessing.stamps import turned

BLOCK = 256


@dataclass
class Rows:
    """What the networks see of some rows.

    Args:
        frames: `(row, y, x, channel)`.
        features: What stands beside their codes, `(row, width)`; see `Beside`.
        labels: Number of the class, -1 where it is none of the classes.
        objects: Names.
    """

    frames: np.ndarray
    features: np.ndarray
    labels: np.ndarray
    objects: np.ndarray

    def take(self, rows: np.ndarray) -> Rows:
        """Some of them, by number."""
        return Rows(
            self.frames[rows],
            self.features[rows],
            self.labels[rows],
            self.objects[rows],
        )

    @property
    def labelled(self) -> Rows:
        """The rows of known class."""
        return self.take(np.flatnonzero(self.labels >= 0))


@dataclass
class Raw:
    """What a stem and a table say of some rows.

    Args:
        frames: `(row, y, x, channel)`.
        measures: See `StampMeasures`, `(row, measure)`.
        metadata: As it was given, `(row, feature)`; NaN where nothing was.
        labels: Number of the class, -1 where it is none of the classes.
        objects: Names.
    """

    frames: np.ndarray
    measures: np.ndarray
    metadata: np.ndarray
    labels: np.ndarray
    objects: np.ndarray

    def rows(self, beside: Beside) -> Rows:
        """As the networks see them."""
        return Rows(self.frames, beside(self), self.labels, self.objects)


@dataclass
class Beside:
    """Fitted layers of what stands beside a code: packet metadata, and measures.

    Args:
        metadata: None where a model reads none.
        measures: The same.
    """

    metadata: KnownFeatures | None = None
    measures: BoundedStandardise | None = None

    @classmethod
    def fitted(cls, raw: Raw, *, metadata: bool, measures: bool) -> Beside:
        """With the statistics of some rows."""
        found = cls()
        if metadata:
            found.metadata = KnownFeatures(name="known_features")
            found.metadata.set_reference(*feature_statistics(raw.metadata))
        if measures:
            found.measures = BoundedStandardise(name="known_measures")
            found.measures.set_reference(*feature_statistics(raw.measures))
        return found

    @classmethod
    def of(cls, model: keras.Model) -> Beside:
        """Those of a full model."""
        layers = {layer.name: layer for layer in model.layers}
        return cls(layers.get("known_features"), layers.get("known_measures"))

    def __call__(self, raw: Raw) -> np.ndarray:
        """`(row, width)`; of width 0 where nothing stands beside a code."""
        found = [np.zeros((len(raw.labels), 0), "float32")]
        if self.metadata is not None:
            found.append(np.asarray(self.metadata(raw.metadata)))
        if self.measures is not None:
            found.append(np.asarray(self.measures(raw.measures)))
        return np.concatenate(found, axis=1)


def read_rows(stem: keras.Model, source: Source) -> Raw:
    """What a stem and a table say of the rows of a source, in blocks."""
    found = []
    for block in source.blocks(BLOCK):
        frames, measures = stem.predict_on_batch(block.inputs["stamps"])
        empty = np.full((len(block), len(FEATURES)), np.nan, "float32")
        found.append(
            (
                np.asarray(frames),
                np.asarray(measures),
                block.inputs.get("metadata", empty),
                class_numbers(block.targets.get("label"), len(block)),
                block.meta["group"],
            )
        )
    return Raw(*map(np.concatenate, zip(*found, strict=True)))


def class_numbers(labels: np.ndarray | None, rows: int) -> np.ndarray:
    """Numbers of class names; -1 for other names and where there are none.

    Example:
        >>> class_numbers(np.array(["AGN", "TDE", "SN"]), 3).tolist()
        [1, -1, 0]
    """
    if labels is None:
        return np.full(rows, -1)
    numbers = {name: i for i, name in enumerate(CLASSES)}
    return np.array([numbers.get(str(label), -1) for label in labels], int)


def of_objects(
    labels: np.ndarray, objects: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent class of each object, and the number of each row's object."""
    names, place = np.unique(objects, return_inverse=True)
    counts = np.zeros((len(names), len(CLASSES)), int)
    np.add.at(counts, (place, labels), 1)
    return counts.argmax(axis=1), place


def dealt(
    labels: np.ndarray, objects: np.ndarray, parts: int, rng: np.random.Generator
) -> np.ndarray:
    """Number of the part that each row is in; objects of a class are dealt out.

    An object of two classes, as surveys' labels have some, is dealt once, as one of its
    most frequent class.

    Args:
        labels: Class numbers, `(row,)`.
        objects: Names, `(row,)`.
        parts: How many.
        rng: Of the order in which they are dealt.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> dealt(np.array([0, 0, 0, 1]), np.array(["a", "a", "b", "c"]), 2, rng)
        array([0, 0, 1, 0])
    """
    of_object, place = of_objects(labels, objects)
    part = np.zeros(len(of_object), int)
    for number in range(len(CLASSES)):
        own = rng.permutation(np.flatnonzero(of_object == number))
        part[own] = np.arange(len(own)) % parts
    return part[place]


def one_hot(labels: np.ndarray) -> np.ndarray:
    """`(row,)` class numbers to `(row, class)`."""
    return np.eye(len(CLASSES), dtype="float32")[labels]


def smoothed(
    labels: np.ndarray, share: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Class numbers to targets of which a share is spread evenly over all classes.

    Args:
        labels: `(row,)`.
        share: 0 gives `one_hot`.
        weights: Of each class, `(class,)`. They are the sums of its rows' targets, in
            which cross-entropy is linear; 1 without.

    Returns:
        `(row, class)`.

    Reference:
        Szegedy et al. 2016, CVPR, "Rethinking the Inception architecture for computer
        vision", section 7.

    Example:
        >>> smoothed(np.array([1]), 0.05).round(2)
        array([[0.01, 0.96, 0.01, 0.01, 0.01]], dtype=float32)
    """
    targets = (1 - share) * one_hot(labels) + np.float32(share / len(CLASSES))
    return targets if weights is None else targets * weights[labels][:, None]


def feature_statistics(metadata: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of the known values of each feature; 0 and 1 where none is."""
    known = np.abs(metadata) < SENTINEL
    values = np.where(known, metadata, 0.0)
    count = np.maximum(known.sum(axis=0), 1)
    mean = values.sum(axis=0) / count
    sd = np.sqrt((known * (values - mean) ** 2).sum(axis=0) / count)
    return mean.astype("float32"), np.where(sd > 0, sd, 1.0).astype("float32")


def code_statistics(
    encoder: keras.Model, frames: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of the codes of frames, each `(latent,)`."""
    z = encoder.predict(frames, verbose=0, batch_size=512)
    return z.mean(axis=0), np.maximum(z.std(axis=0), 1e-6)


def orient(frames: np.ndarray, number: int) -> np.ndarray:
    """Frames in one of their eight orientations, as an array."""
    return frames if number == 0 else np.asarray(turned(frames, number))

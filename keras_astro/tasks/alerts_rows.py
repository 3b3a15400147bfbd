"""What alert networks see of some rows: frames, features, class numbers."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.data.alert_schema import CLASSES, FEATURES, SENTINEL
from keras_astro.data.sample import Source
from keras_astro.preprocessing.stamps import turned

BLOCK = 256


@dataclass
class Rows:
    """What the networks see of some rows.

    Args:
        frames: `(row, y, x, channel)`.
        features: Standardised features and which are known, `(row, 2 * feature)`.
        labels: Number of the class, -1 where it is none of the classes.
    """

    frames: np.ndarray
    features: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> Rows:
        """Some of them, by number."""
        return Rows(self.frames[rows], self.features[rows], self.labels[rows])

    @property
    def labelled(self) -> Rows:
        """The rows of known class."""
        return self.take(np.flatnonzero(self.labels >= 0))


def read_rows(
    stem: keras.Model, source: Source
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames, raw metadata and class numbers of a source, in blocks."""
    frames, metadata, labels = [], [], []
    for block in source.blocks(BLOCK):
        frames.append(np.asarray(stem.predict_on_batch(block.inputs["stamps"])))
        empty = np.full((len(block), len(FEATURES)), np.nan, "float32")
        metadata.append(block.inputs.get("metadata", empty))
        labels.append(class_numbers(block.targets.get("label"), len(block)))
    return tuple(np.concatenate(part) for part in (frames, metadata, labels))


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

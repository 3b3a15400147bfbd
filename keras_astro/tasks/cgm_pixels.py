"""Which pixels of spectra are modelled, and the training rows on those pixels."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from scipy.ndimage import uniform_filter1d

from keras_astro.data.sample import Sample, Source
from keras_astro.errors import DataError
from keras_astro.layers.absorption import Absorption
from keras_astro.layers.active import ActivePixels, find_active
from keras_astro.models.cgm import SPECTRUM
from keras_astro.tasks.cgm_config import Preprocessing

# Rows read at once; with 100 000 pixels a block of three arrays is 75 MB.
BLOCK = 64
# A mean this many standard errors from the continuum is absorption, not noise.
SIGNIFICANT = 4.0


@dataclass
class Observed:
    """Spectra on the modelled pixels.

    Args:
        absorption: `(row, active)`.
        weight: Inverse variances, the same shape; None where all are 1.
        rest_square: Sum over the other pixels of the squared distance from what stands
            there, `(row,)`.
        counted: Pixels of each row that have a weight, `(row,)`.
    """

    absorption: np.ndarray
    weight: np.ndarray | None
    rest_square: np.ndarray
    counted: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Weights as an array, 1 where none are known."""
        if self.weight is None:
            return np.broadcast_to(np.float32(1.0), self.absorption.shape)
        return self.weight

    def targets(self, mean_weight: float) -> np.ndarray:
        """What `SpectrumError` compares with; weights are brought to a mean of 1."""
        if self.weight is None:
            return self.absorption
        return np.concatenate([self.absorption, self.weight / mean_weight], axis=1)


def spectrum(sample: Sample) -> list[np.ndarray]:
    """Flux, inverse variance and mask of rows; what a file lacks is filled in."""
    fields = sample.schema.group("inputs")
    flux = sample.inputs["flux"]
    return [
        sample.inputs.get(name, np.full(flux.shape, fields[name].fill, "float32"))
        for name in SPECTRUM
    ]


def observe(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Absorption and weight of all pixels of rows, `(row, pixel)` each."""
    lost, weight = Absorption()(spectrum(sample))
    return np.asarray(lost), np.asarray(weight)


def choose_pixels(
    source: Source, settings: Preprocessing
) -> tuple[ActivePixels, np.ndarray]:
    """Finds the pixels that vary in the training rows, streaming.

    Returns:
        A layer that picks them and puts them back, and the pixels' indices.

    Raises:
        DataError: If no pixel of any row has a weight.
    """
    count, total, square = 0.0, 0.0, 0.0
    least, most = np.inf, -np.inf
    for block in source.blocks(BLOCK):
        lost, weight = observe(block)
        good = weight > 0
        count = count + good.sum(axis=0)
        total = total + lost.sum(axis=0, dtype=np.float64)
        square = square + np.square(lost, dtype=np.float64).sum(axis=0)
        smooth = _smoothed(lost, good, settings.smooth_pixels)
        least = np.minimum(least, np.where(good, smooth, np.inf).min(axis=0))
        most = np.maximum(most, np.where(good, smooth, -np.inf).max(axis=0))
    if not np.any(count):
        raise DataError(
            f"{source.name}: all pixels of all rows are masked or without error",
            hint="Check the mask and the error columns.",
        )
    seen = np.maximum(count, 1)
    mean = total / seen
    variance = np.maximum(square / seen - mean**2, 0.0)
    chosen = find_active(
        variance,
        len(source),
        lost_variance=settings.lost_variance,
        smooth_pixels=settings.smooth_pixels,
        span=np.where(count > 0, most - least, 0.0),
        least_span=settings.least_span,
    )
    noise = np.sqrt(np.median(variance) / seen)
    rest = np.where(np.abs(mean) > SIGNIFICANT * noise, mean, 0.0)
    active = ActivePixels(len(mean), len(chosen), name="active")
    active.set_pixels(chosen, rest=np.clip(rest, 0.0, 1.0))
    return active, chosen


def _smoothed(lost: np.ndarray, good: np.ndarray, pixels: int) -> np.ndarray:
    """Means of neighbouring pixels that have a weight, `(row, pixel)`."""

    def mean(values):
        values = values.astype("float32")
        return uniform_filter1d(values, pixels, axis=1, mode="nearest")

    if good.all():
        return mean(lost)
    return mean(lost) / np.maximum(mean(good), 1.0 / pixels)


def read_observed(source: Source, active: ActivePixels) -> Observed:
    """All rows of a source on the modelled pixels, read in blocks."""
    chosen = keras.ops.convert_to_numpy(active.chosen)
    rest = keras.ops.convert_to_numpy(active.rest)
    others = np.ones(active.pixels, bool)
    others[chosen] = False
    # Filled in place: parts that are joined at the end would take the memory twice.
    absorption = np.empty((len(source), len(chosen)), np.float32)
    weights, parts, start = None, [], 0
    for block in source.blocks(BLOCK):
        lost, weight = observe(block)
        rows = slice(start, start + len(lost))
        absorption[rows] = lost[:, chosen]
        if weights is None and not (weight == 1).all():
            weights = np.ones_like(absorption)
        if weights is not None:
            weights[rows] = weight[:, chosen]
        good = weight > 0
        missed = np.where(good, lost - rest, 0.0)[:, others]
        square = np.square(missed, dtype=np.float64).sum(axis=1)
        parts.append((square, good.sum(axis=1)))
        start = rows.stop
    square, counted = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Observed(absorption, weights, square, counted)

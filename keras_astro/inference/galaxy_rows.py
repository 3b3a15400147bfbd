"""Galaxies as a model takes them: cut to its size, gaps filled, the unusable told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_astro.data.readers.stars import star_image
from keras_astro.data.sample import Sample, Source
from keras_astro.errors import DataError
from keras_astro.simulate.galaxy_config import GalaxySimulation

# Pixels without data beyond which a galaxy is not measured.
MOST_MISSING = 0.1
# How far a pixel may be from the model's, over it: as much as the radius is then off.
SCALE_TOLERANCE = 0.01


def rows_for(source: Source, inputs: Mapping[str, Any]) -> Source:
    """The rows of a source as a galaxy model takes them; see `MeasurableGalaxies`."""
    shape = tuple(inputs["image"]["shape"][1:3])
    return MeasurableGalaxies(source, shape, stars="psf_image" in inputs)


class MeasurableGalaxies(Source):
    """Cutouts of the model's size without gaps; `meta["fault"]` says what is unusable.

    A galaxy looks the same upside down: a pixel without data takes the value of its
    half turn. Where both lack data, or a tenth of all pixels, the galaxy is not
    measured. Nor is one without PSF or noise level, or of other pixels than the
    model's.

    Args:
        source: Cutouts; NaN pixels have no data.
        shape: The model's `(y, x)`.
        stars: Whether it takes the PSF's image, which is then cut to that size too, or
            drawn of the FWHM where there is none.

    Raises:
        DataError: On reading, if cutouts are smaller than the model's, or their middle
            is elsewhere in a pixel.
    """

    def __init__(self, source: Source, shape: tuple[int, int], *, stars: bool = False):
        self.source, self.shape, self.stars = source, shape, stars
        self.schema, self.name = source.schema, source.name

    def __len__(self) -> int:
        return len(self.source)

    def facts(self):
        return self.source.facts()

    def take(self, indices):
        return self._checked(self.source.take(indices))

    def read(self, start=0, stop=None):
        return self._checked(self.source.read(start, stop))

    def _checked(self, sample: Sample) -> Sample:
        images = self._cut(np.asarray(sample.inputs["image"]))
        filled, absent, lost = fill_gaps(images)
        known = sample.meta.get("fault", np.full(len(sample), ""))
        reasons = [
            told or fault
            for told, fault in zip(
                known.tolist(), self._faults(sample, absent, lost), strict=True
            )
        ]
        inputs = dict(sample.inputs, image=filled, missing_fraction=absent)
        if self.stars:
            inputs["psf_image"] = (
                self._cut(np.asarray(inputs["psf_image"]))
                if "psf_image" in inputs
                else drawn_stars(inputs["psf_fwhm_arcsec"], self.shape)
            )
        meta = dict(sample.meta, fault=np.array(reasons, str))
        return Sample(
            sample.schema, inputs, sample.targets, meta, sample.name, sample.axes
        )

    def _cut(self, images: np.ndarray) -> np.ndarray:
        found = images.shape[1:3]
        more = np.subtract(found, self.shape)
        if np.any(more < 0) or np.any(more % 2):
            sizes = " x ".join(map(str, self.shape)), " x ".join(map(str, found))
            raise DataError(
                f"{self.name}: expected images of {sizes[0]} pixels, or of more by an "
                f"even number, found {sizes[1]}",
                hint="Cut the images around the galaxy, whose centre is the middle.",
            )
        y, x = more // 2
        return images[:, y : y + self.shape[0], x : x + self.shape[1]]

    def _faults(self, sample: Sample, absent: np.ndarray, lost: np.ndarray):
        expected = GalaxySimulation().pixel_scale_arcsec
        scale = sample.meta.get("pixel_scale_arcsec", np.full(len(sample), expected))
        for row in range(len(sample)):
            yield self._fault(sample, row, absent[row], lost[row], scale[row], expected)

    def _fault(self, sample, row, absent, lost, scale, expected) -> str:
        if absent > MOST_MISSING:
            return f"expected data in nine tenths of the pixels, found {1 - absent:.0%}"
        if lost:
            return f"found {lost} pixels without data, nor in their half turns"
        for name in ("psf_fwhm_arcsec", "noise_sigma"):
            if name in sample.inputs and not 0 < sample.inputs[name][row] < np.inf:
                return f"expected {name} above 0, found {sample.inputs[name][row]:g}"
        if self.stars and "psf_image" in sample.inputs:
            star = np.asarray(sample.inputs["psf_image"][row])
            if not np.all(np.isfinite(star)) or not star.sum() > 0:
                return "expected a star in psf_image, found no light, or gaps"
        if abs(scale / expected - 1) > SCALE_TOLERANCE:
            return f"expected pixels of {expected:g} arcsec, found {scale:.4g}"
        return ""


def drawn_stars(fwhm: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Images of the Moffat profiles that a FWHM alone speaks of.

    Args:
        fwhm: In arcsec, `(row,)`.
        shape: `(y, x)` of the images, in the model's pixels.

    Returns:
        `(row, y, x, 1)`, each of unit sum; NaN where there is no width above 0.

    Example:
        >>> stars = drawn_stars(np.array([0.7, np.nan]), (8, 8))
        >>> stars.shape, np.isfinite(stars).all(axis=(1, 2, 3)).tolist()
        ((2, 8, 8, 1), [True, False])
    """
    pixels = np.asarray(fwhm, float) / GalaxySimulation().pixel_scale_arcsec
    stars = np.full((len(pixels), *shape, 1), np.nan, "float32")
    for row in np.flatnonzero((pixels > 0) & (pixels < np.inf)):
        stars[row, ..., 0] = star_image(pixels[row], shape)
    return stars


def fill_gaps(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels without data from their half turns.

    Args:
        images: `(row, y, x, 1)`.

    Returns:
        Images with 0 where there is no data in the half turn either, the fraction of
        pixels that had none, and the number of those that have none still.

    Example:
        >>> image = np.array([[[1.0, 2.0], [3.0, np.nan]]])[..., None]
        >>> filled, fraction, left = fill_gaps(image)
        >>> float(filled[0, 1, 1, 0]), fraction.tolist(), left.tolist()
        (1.0, [0.25], [0])
    """
    gap = ~np.isfinite(images)
    if not gap.any():
        return images, np.zeros(len(images)), np.zeros(len(images), int)
    turned, also = images[:, ::-1, ::-1], gap[:, ::-1, ::-1]
    filled = np.where(gap, np.where(also, 0.0, turned), images).astype(images.dtype)
    return filled, gap.mean(axis=(1, 2, 3)), (gap & also).sum(axis=(1, 2, 3))

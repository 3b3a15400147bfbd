"""Where the modelled pixels of spectra lie, and where neighbours tell the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from keras_astro.layers.shift import C_KMS

# Pixels of a candidate for a smooth block.
CANDIDATE = 64


@dataclass(frozen=True)
class SpectrumGrid:
    """Where the modelled pixels lie.

    Args:
        wavelength: `(pixel,)` in angstrom as observed, increasing within a run.
        runs: `(pixel,)`, the number of the run of adjacent pixels.
        smooth: `(pixel,)`, whether a pixel tells no more than its neighbours.
    """

    wavelength: np.ndarray
    runs: np.ndarray
    smooth: np.ndarray

    @classmethod
    def of(cls, wavelength: np.ndarray, chosen: np.ndarray) -> SpectrumGrid:
        """The grid of the chosen pixels of a spectrum, none of them smooth.

        Example:
            >>> SpectrumGrid.of(np.arange(9.0), np.array([1, 2, 5, 6])).runs.tolist()
            [0, 0, 1, 1]
        """
        runs = np.concatenate([[0], np.cumsum(np.diff(chosen) > 1)])
        smooth = np.zeros(len(chosen), bool)
        return cls(np.asarray(wavelength, float)[chosen], runs, smooth)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return len(self.wavelength)

    def smoothed(self, absorption: np.ndarray, *, lost_variance: float) -> SpectrumGrid:
        """The grid with those blocks marked whose pixels hardly differ but by noise.

        What a block's pixels differ by, beyond what neighbours differ by, is absorption
        that a mean would lose.

        Args:
            absorption: Training rows, `(row, pixel)`.
            lost_variance: Largest share of a pixel's variance that means may lose.
        """
        most = lost_variance * float(absorption.var(axis=0).mean())
        smooth = np.zeros(self.pixels, bool)
        for run in np.unique(self.runs):
            place = np.flatnonzero(self.runs == run)
            for block in np.array_split(place, max(len(place) // CANDIDATE, 1)):
                if len(block) < CANDIDATE:
                    continue
                part = absorption[:, block[0] : block[-1] + 1]
                noise = 0.5 * np.mean(np.diff(part, axis=1) ** 2)
                smooth[block] = part.var(axis=1, ddof=1).mean() - noise <= most
        return replace(self, smooth=smooth)

    def blocks(self, kind: np.ndarray, step_kms: float):
        """Blocks of adjacent pixels of a kind, each as wide as a step at most.

        Args:
            kind: Which pixels, `(pixel,)`.
            step_kms: Width; pixels wider than half of it stay alone.

        Returns:
            First pixel and number of pixels of each block.
        """
        place = np.flatnonzero(kind)
        splits = (np.diff(place) > 1) | (np.diff(self.runs[place]) > 0)
        firsts, counts = [], []
        for run in np.split(place, np.flatnonzero(splits) + 1):
            ends = self.wavelength[run[[0, -1]]]
            width = C_KMS * np.log(ends[1] / ends[0]) / max(len(run) - 1, 1)
            each = max(int(step_kms / width), 1) if width else 1
            first = run[::each]
            firsts.append(first)
            counts.append(np.diff(np.append(first, run[-1] + 1)))
        return np.concatenate(firsts), np.concatenate(counts)

    def means(self, first: np.ndarray, count: np.ndarray) -> SpectrumGrid:
        """The grid of blocks."""
        last = first + count - 1
        middle = 0.5 * (self.wavelength[first] + self.wavelength[last])
        return SpectrumGrid(middle, self._runs_of(first, count), self.smooth[first])

    def _runs_of(self, first, count) -> np.ndarray:
        apart = (first[1:] != (first + count)[:-1]) | (np.diff(self.runs[first]) > 0)
        return np.concatenate([[0], np.cumsum(apart)])

    @classmethod
    def joined(cls, grids: Sequence[SpectrumGrid]) -> SpectrumGrid:
        """Grids one after the other, no run of one going on in the next."""
        runs, behind = [], 0
        for grid in grids:
            runs.append(grid.runs + behind)
            behind = int(runs[-1][-1]) + 1
        return cls(
            np.concatenate([grid.wavelength for grid in grids]),
            np.concatenate(runs),
            np.concatenate([grid.smooth for grid in grids]),
        )

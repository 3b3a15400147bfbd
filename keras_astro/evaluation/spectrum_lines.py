"""Lines in spectra: where they fall, in velocity, and how much they absorb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_astro.evaluation.spectrum_rows import SpectrumRows
from keras_astro.simulate.cgm_lines import get_line

C_KMS = 299792.458
# Half width of what is shown, and of what equivalent widths sum over.
SHOWN_KMS, SUMMED_KMS = 500.0, 400.0


@dataclass(frozen=True)
class LineWindow:
    """A line's surroundings in a spectrum.

    Args:
        name: Of the line.
        pixels: Which pixels, as a slice.
        velocity: Of the pixels in km/s from the redshift, `(pixel,)`.
    """

    name: str
    pixels: slice
    velocity: np.ndarray


def line_windows(
    wavelength: np.ndarray,
    names: Sequence[str],
    *,
    redshift: float,
    half_kms: float = SHOWN_KMS,
) -> list[LineWindow]:
    """The windows of those lines that fall on the spectrum as a whole.

    Example:
        >>> grid = np.linspace(1850.0, 1870.0, 500)
        >>> names = ["C IV 1548", "H I 1215"]
        >>> [window.name for window in line_windows(grid, names, redshift=0.2)]
        ['C IV 1548']
    """
    found = []
    for name in names:
        centre = get_line(name).wavelength_angstrom * (1 + redshift)
        edges = centre * (1 + np.array([-half_kms, half_kms]) / C_KMS)
        if edges[0] < wavelength[0] or edges[1] > wavelength[-1]:
            continue
        first, last = np.searchsorted(wavelength, edges)
        velocity = (wavelength[first:last] / centre - 1) * C_KMS
        found.append(LineWindow(name, slice(int(first), int(last)), velocity))
    return found


def equivalent_widths(
    rows: SpectrumRows, names: Sequence[str], *, redshift: float
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rest equivalent widths in angstrom of the data and of the reconstruction.

    Both sum over the same pixels that count, within 400 km/s of the line.

    Returns:
        For each line `(data (row,), reconstruction (row,))`.
    """
    windows = line_windows(
        rows.wavelength, names, redshift=redshift, half_kms=SUMMED_KMS
    )
    step = np.gradient(rows.wavelength) / (1 + redshift)
    found = {}
    for window in windows:
        good = rows.good[:, window.pixels] * step[window.pixels]
        found[window.name] = tuple(
            ((1 - flux[:, window.pixels]) * good).sum(axis=1)
            for flux in (rows.flux, rows.refined)
        )
    return found

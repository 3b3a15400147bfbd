"""Steps of the preparation of spectra, each with a name and its settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from keras_astro.config import Section
from keras_astro.errors import DataError
from keras_astro.preprocessing import spectra as rules


@dataclass(frozen=True)
class Spectra:
    """Rows of spectra on the way from one step to the next.

    Args:
        wavelength: In angstrom, `(pixel,)`, or `(row, pixel)` where rows differ.
        flux: `(row, pixel)`.
        ivar: Inverse variance, 0 in bad pixels, `(row, pixel)`.
        ids: Name of each row.
        medium: `air` or `vacuum`; empty where nobody said.
        velocity_kms: Taken out so far, of all rows or of each.
    """

    wavelength: np.ndarray
    flux: np.ndarray
    ivar: np.ndarray
    ids: np.ndarray
    medium: str = ""
    velocity_kms: float | np.ndarray = 0.0


class Medium(Section):
    """Wavelengths in vacuum of those in standard air, or the other way round."""

    step: Literal["air_to_vacuum", "vacuum_to_air"]

    def apply(self, rows: Spectra) -> Spectra:
        """Raises a `DataError` where the rows say that they are there already."""
        before, after = self.step.split("_to_")
        if rows.medium not in ("", before):
            raise DataError(
                f"{self.step}: expected wavelengths in {before}, found {rows.medium} "
                f"in {rows.ids[0]}",
                hint="Leave this step out.",
            )
        moved = getattr(rules, self.step)(rows.wavelength)
        return replace(rows, wavelength=moved, medium=after)


class RestFrame(Section):
    """Wavelengths in the frame of a star that recedes with a velocity.

    One number is for all rows; a mapping gives that of each row by its id.
    """

    step: Literal["rest_frame"]
    velocity_kms: float | dict[str, float]

    def apply(self, rows: Spectra) -> Spectra:
        """Raises a `DataError` where a row has no velocity."""
        given = self.velocity_kms
        if not isinstance(given, dict):
            moved = rules.to_rest(rows.wavelength, given)
            total = rows.velocity_kms + given
            return replace(rows, wavelength=moved, velocity_kms=total)
        missing = [str(name) for name in rows.ids if str(name) not in given]
        if missing:
            raise DataError(
                f"rest_frame: expected the velocity of each row, found none of "
                f"{missing[0]}",
                hint="Add it to velocity_kms, as id: velocity.",
            )
        each = np.array([given[str(name)] for name in rows.ids])
        moved = rules.to_rest(rows.wavelength, each[:, None])
        return replace(rows, wavelength=moved, velocity_kms=rows.velocity_kms + each)


class Mask(Section):
    """Calls pixels bad whose wavelengths, as they now are, lie in given ranges."""

    step: Literal["mask"]
    ranges_angstrom: tuple[tuple[float, float], ...]

    def apply(self, rows: Spectra) -> Spectra:
        """Puts inverse variances of 0."""
        wave, bad = rows.wavelength, np.zeros(rows.wavelength.shape, bool)
        for low, high in self.ranges_angstrom:
            bad |= (low <= wave) & (wave <= high)
        return replace(rows, ivar=np.where(bad, 0.0, rows.ivar))


class Resample(Section):
    """Other pixels, with the flux conserved and the variance right."""

    step: Literal["resample"]
    start_angstrom: float = Field(gt=0)
    stop_angstrom: float = Field(gt=0)
    pixels: int = Field(ge=2)
    spacing: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _rising(self):
        if self.stop_angstrom <= self.start_angstrom:
            raise ValueError("stop_angstrom must be above start_angstrom")
        return self

    def apply(self, rows: Spectra) -> Spectra:
        """Raises a `DataError` where a row has no good pixel on the new grid."""
        space = np.linspace if self.spacing == "linear" else np.geomspace
        grid = space(self.start_angstrom, self.stop_angstrom, self.pixels)
        if rows.wavelength.ndim == 1:
            found = rules.resample(rows.wavelength, rows.flux, rows.ivar, grid)
        else:
            columns = zip(rows.wavelength, rows.flux, rows.ivar, strict=True)
            each = [rules.resample(w, f[None], i[None], grid) for w, f, i in columns]
            found = tuple(np.concatenate(parts) for parts in zip(*each, strict=True))
        empty = np.flatnonzero(~(found[1] > 0).any(axis=1))
        if len(empty):
            waves = np.broadcast_to(rows.wavelength, rows.flux.shape)[empty[0]]
            raise DataError(
                f"resample: {rows.ids[empty[0]]} has no good pixel in "
                f"{grid[0]:.1f}-{grid[-1]:.1f} angstrom; it spans "
                f"{waves[0]:.1f}-{waves[-1]:.1f}",
                hint="Check the unit of the wavelengths, or leave the row out.",
            )
        return replace(rows, wavelength=grid, flux=found[0], ivar=found[1])

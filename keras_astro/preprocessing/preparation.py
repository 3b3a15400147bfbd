"""Preparing spectra by named steps that are written down and can be replayed.

What is done to observed spectra before a model sees them is a list of steps, kept with
the store that they made and in the manifest of what is trained on it. Bad pixels and
the pseudo-continuum are no such steps: they are layers of the model (`continuum`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from keras_astro.config import Section
from keras_astro.errors import ConfigError, DataError
from keras_astro.preprocessing.spectrum_steps import (
    Mask,
    Medium,
    Resample,
    RestFrame,
    Spectra,
)

HINT = (
    "The steps are air_to_vacuum, vacuum_to_air, rest_frame (velocity_kms), mask "
    "(ranges_angstrom) and resample (start_angstrom, stop_angstrom, pixels, spacing)."
)

Step = Annotated[Medium | RestFrame | Mask | Resample, Field(discriminator="step")]


class Preparation(Section):
    """Steps in their order; JSON and YAML in and out.

    Example:
        >>> steps = Preparation.read({"steps": [{"step": "air_to_vacuum"}]}, "a.yaml")
        >>> steps.to_json()
        [{'step': 'air_to_vacuum'}]
    """

    steps: tuple[Step, ...] = Field(min_length=1)

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str) -> Preparation:
        """From `{"steps": [...]}`.

        Raises:
            ConfigError: Naming the first wrong setting.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise ConfigError(
                f"{where}: {key}: {first['msg']}, received {str(first['input'])[:60]}",
                hint=HINT,
            ) from error

    def to_json(self) -> list[dict[str, Any]]:
        """The steps as JSON values, which `read` takes back."""
        return self.model_dump(mode="json")["steps"]

    def apply(self, rows: Spectra) -> Spectra:
        """All steps, one after the other.

        Raises:
            DataError: If a step does not fit the rows, or they end on several grids.
        """
        for step in self.steps:
            rows = step.apply(rows)
        if rows.wavelength.ndim == 2:
            raise DataError(
                "preparation: rows of several velocities end on several grids",
                hint="Add the step resample behind rest_frame.",
            )
        return rows

"""Rows of spectra that pass through steps of preparation as they are read."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from keras_astro.data.sample import Sample, Source
from keras_astro.errors import DataError
from keras_astro.preprocessing.preparation import Preparation
from keras_astro.preprocessing.spectrum_steps import Spectra

WAVELENGTH = "wavelength_angstrom"


class PreparedSource(Source):
    """Another source's spectra, prepared.

    Inverse variances are only given where the source has them; its bad pixels, and
    those that lack data afterwards, are in the mask.

    Args:
        source: Spectra with wavelengths.
        preparation: What is done to them.

    Raises:
        DataError: If the source holds no spectra.
    """

    def __init__(self, source: Source, preparation: Preparation):
        self.source, self.steps = source, preparation
        self.schema, self.name = source.schema, source.name
        self.quarantined = getattr(source, "quarantined", [])
        if {"flux", "mask"} - set(self.schema.group("inputs")) or (
            WAVELENGTH not in source.read(0, 1).axes
        ):
            raise DataError(
                f"{self.name}: expected spectra with wavelengths to prepare, found "
                f"rows of {self.schema.task}",
                hint="Say what they are with --task stellar.",
            )

    def __len__(self) -> int:
        return len(self.source)

    @property
    def preparation(self) -> list[dict[str, Any]]:
        """See `Source`; steps that the source has gone through come first."""
        return [*self.source.preparation, *self.steps.to_json()]

    def take(self, indices):
        return prepared(self.source.take(indices), self.steps)

    def facts(self):
        return self.source.facts()


def prepared(sample: Sample, preparation: Preparation) -> Sample:
    """Rows of spectra after all steps.

    Raises:
        DataError: If a step does not fit the rows.
    """
    given, meta, targets = sample.inputs, dict(sample.meta), dict(sample.targets)
    flux = np.asarray(given["flux"], float)
    ivar = np.asarray(given.get("ivar", np.ones_like(flux)), float)
    if "mask" in given:
        ivar = np.where(given["mask"] != 0, 0.0, ivar)
    media = np.unique(meta.get("medium", [""]))
    if len(media) > 1:
        raise DataError(
            f"{sample.name}: expected rows of one medium, found {', '.join(media)}",
            hint="Convert them one by one.",
        )
    rows = Spectra(sample.axes[WAVELENGTH], flux, ivar, meta["id"], str(media[0]))
    rows = preparation.apply(rows)
    inputs = {
        "flux": rows.flux.astype("float32"),
        "mask": (rows.ivar == 0).astype("uint8"),
    }
    if "ivar" in given:
        inputs["ivar"] = rows.ivar.astype("float32")
    if rows.medium and "medium" in sample.schema.group("meta"):
        meta["medium"] = np.full(len(sample), rows.medium)
    if "rv_kms" in targets:
        left = targets["rv_kms"] - rows.velocity_kms
        targets["rv_kms"] = left.astype("float32")
    axes = sample.axes | {WAVELENGTH: rows.wavelength}
    return dataclasses.replace(
        sample, inputs=inputs, targets=targets, meta=meta, axes=axes
    )

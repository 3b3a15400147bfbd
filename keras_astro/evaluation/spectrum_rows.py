"""Test spectra with what a model makes of them, before and after refinement."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from keras_astro.evaluation.subject import Subject
from keras_astro.inference.batch import predict_source
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.refinement import can_refine, refine_latents

BLOCK = 128


@dataclass
class SpectrumRows:
    """Test rows of a spectrum model.

    Args:
        outputs: The model's table outputs by name, rows first.
        flags: Quality flags of the rows.
        wavelength: Observed, in angstrom, `(pixel,)`.
        flux: `(row, pixel)`; 0 where a pixel does not count.
        good: Which pixels count, `(row, pixel)`.
        amortised: Reconstructed flux from the encoder's latents, `(row, pixel)`.
        refined: From refined latents, the same; `amortised` where there are none.
        z: Refined latents, `(row, latent)`, or the encoder's.
        z_error: Their standard errors; None without refinement.
        targets: Known truth by name.
        baselines: Mean squared error of each row by baseline and number of latents,
            `{"pca": {6: (row,)}}`.
    """

    outputs: dict[str, np.ndarray]
    flags: np.ndarray
    wavelength: np.ndarray
    flux: np.ndarray
    good: np.ndarray
    amortised: np.ndarray
    refined: np.ndarray
    z: np.ndarray
    z_error: np.ndarray | None
    targets: dict[str, np.ndarray]
    baselines: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)

    @property
    def latents(self) -> int:
        """Width of the code."""
        return self.z.shape[1]

    def mse(self, reconstruction: np.ndarray) -> np.ndarray:
        """Mean squared error of each row over the pixels that count, `(row,)`."""
        square = np.where(self.good, (reconstruction - self.flux) ** 2, 0.0)
        counted = np.maximum(self.good.sum(axis=1), 1)
        return square.sum(axis=1, dtype=np.float64) / counted


def measure_rows(subject: Subject, *, steps: int) -> SpectrumRows:
    """Encodes, refines and decodes all test rows.

    Args:
        subject: The model and its rows.
        steps: Of the refinement; 0 for none.
    """
    predictor, source = subject.predictor, subject.test
    outputs, flags = predict_source(predictor, source)
    wanted = bool(steps) and can_refine(predictor)
    z, parts, errors = outputs["z"], [], []
    for start in range(0, len(source), BLOCK):
        block = source.read(start, start + BLOCK)
        codes = z[start : start + BLOCK]
        refined = codes
        if wanted:
            found = refine_latents(predictor, block.inputs, codes, steps=steps)
            refined = found.z
            errors.append(np.sqrt(np.einsum("rll->rl", found.covariance)))
        parts.append(
            (
                *counted(block.inputs),
                decode(predictor, codes),
                decode(predictor, refined),
                refined,
            )
        )
    flux, good, amortised, better, latents = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    head = source.read()
    return SpectrumRows(
        outputs=outputs,
        flags=flags,
        wavelength=np.asarray(head.axes["wavelength_angstrom"], float),
        flux=flux,
        good=good,
        amortised=amortised,
        refined=better,
        z=latents,
        z_error=np.concatenate(errors) if errors else None,
        targets={k: v for k, v in head.targets.items() if v.ndim == 1},
    )


def decode(predictor: Predictor, z: np.ndarray) -> np.ndarray:
    """Reconstructed flux of codes, `(row, pixel)`."""
    return predictor.run("decode", {"z": z})["reconstruction"]


def counted(inputs: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Flux with 0 where a pixel does not count, and which pixels do."""
    flux = np.asarray(inputs["flux"], np.float32)
    good = np.isfinite(flux)
    if "ivar" in inputs:
        good &= inputs["ivar"] > 0
    if "mask" in inputs:
        good &= inputs["mask"] == 0
    return np.where(good, flux, 0.0).astype("float32"), good

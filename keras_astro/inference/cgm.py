"""The spectra challenge's two functions, from one saved file.

>>> from keras_astro.inference import cgm  # doctest: +SKIP
>>> model = cgm.load("cgm-float16.tflite")  # doctest: +SKIP
>>> latents = model.reduce_dimensionality(spectra)  # doctest: +SKIP
>>> spectra_again = model.calculate_reconstructions(latents)  # doctest: +SKIP
>>> cgm.challenge_loss(spectra, spectra_again, latents.shape[1])  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keras_astro.errors import ArtefactError
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.refinement import refine_latents
from keras_astro.losses.challenge import challenge_loss, latent_penalty

__all__ = ["CgmModel", "challenge_loss", "latent_penalty", "load"]

# Spectra refined together; bounds the memory.
BLOCK = 256


class CgmModel:
    """A trained spectrum model behind the challenge's interface.

    Args:
        predictor: A loaded run or artefact.

    Attributes:
        latents: Numbers that a spectrum is reduced to.
        pixels: Pixels of a spectrum.
        sha256: Hash of the trained model, the same in all of its exports.
    """

    def __init__(self, predictor: Predictor):
        self.predictor = predictor
        signature = predictor.manifest["signatures"]["encode"]
        self.latents = int(signature["outputs"]["z"]["shape"][-1])
        self.pixels = int(signature["inputs"]["flux"]["shape"][-1])
        self.sha256 = str(predictor.manifest["model_sha256"])

    def reduce_dimensionality(
        self,
        spectra: np.ndarray,
        *,
        ivar: np.ndarray | None = None,
        mask: np.ndarray | None = None,
        refine: bool = True,
    ) -> np.ndarray:
        """Spectra to a few numbers each.

        Args:
            spectra: Flux over the continuum, `(row, pixel)`; NaN pixels do not count.
            ivar: Inverse variances of the same shape, where known.
            mask: 1 where a pixel must not count, of the same shape, where known.
            refine: Whether to improve the encoder's latents by least squares.

        Returns:
            `(row, latent)` float32.

        Raises:
            DataError: If the spectra have another number of pixels.
        """
        given = {"flux": np.asarray(spectra, np.float32)}
        if ivar is not None:
            given["ivar"] = np.asarray(ivar, np.float32)
        if mask is not None:
            given["mask"] = np.asarray(mask, np.uint8)
        blocks = []
        for start in range(0, len(given["flux"]), BLOCK):
            block = {k: v[start : start + BLOCK] for k, v in given.items()}
            z = self.predictor.run("encode", block)["z"]
            if refine:
                z = refine_latents(self.predictor, block, z).z
            blocks.append(z.astype(np.float32))
        return np.concatenate(blocks)

    def calculate_reconstructions(self, latents: np.ndarray) -> np.ndarray:
        """A few numbers to spectra.

        Args:
            latents: `(row, latent)`.

        Returns:
            Flux over the continuum, `(row, pixel)` float32, from 0 to 1.
        """
        codes = np.asarray(latents, np.float32)
        return self.predictor.run("decode", {"z": codes})["reconstruction"]


def load(path: str | Path) -> CgmModel:
    """Loads a run, a SavedModel or a `.tflite` file, which needs no TensorFlow.

    Raises:
        ArtefactError: If it is damaged, or a model of another task.
        MissingExtraError: If it needs TensorFlow and there is none.
    """
    predictor = open_predictor(path)
    task = predictor.manifest["task"]
    if task != "cgm":
        raise ArtefactError(
            f"{path}: expected a model of the cgm task, found one of {task}",
            hint="Export a run of: kastro train cgm",
        )
    return CgmModel(predictor)

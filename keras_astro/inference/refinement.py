"""Refined latents of a loaded model, without TensorFlow where it is a `.tflite`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_astro.errors import ArtefactError
from keras_astro.inference.codes import unpack_codes
from keras_astro.inference.loaded import Predictor
from keras_astro.models.refine import Refined, refine, velocity_starts

# What refinement adds to a table: units and description by name.
TERMS = {
    "z_error": ("", "Standard error of the refined latent"),
    "refined_score": ("", "The score at the refined latents"),
}
BATCH = 512


def can_refine(predictor: Predictor) -> bool:
    """Whether a model has what refinement needs."""
    return {"observe", "absorb"} <= set(predictor.signatures)


def refine_latents(
    predictor: Predictor,
    inputs: Mapping[str, np.ndarray],
    z: np.ndarray,
    *,
    steps: int = 25,
) -> Refined:
    """Moves latents to where the weighted sum of squares is least, decoder frozen.

    Args:
        predictor: A loaded spectrum model.
        inputs: Spectra as for its `predict`.
        z: Latents to start from, `(row, latent)`.
        steps: Steps at most.

    Returns:
        Latents and their covariance. Where no inverse variance is given, errors are
        scaled by what the model leaves.

    Raises:
        ArtefactError: If the model has no signatures for it.
    """
    if not can_refine(predictor):
        raise ArtefactError(
            f"{predictor.path}: cannot refine latents, it has the signatures "
            f"{', '.join(predictor.signatures)} alone",
            hint="Leave out --refine: runs of cgm have it, and exports but onnx.",
        )
    seen = predictor.run("observe", dict(inputs), batch_size=BATCH)

    def decode(codes: np.ndarray) -> np.ndarray:
        return predictor.run("absorb", {"z": codes}, batch_size=BATCH)[
            "absorption_model"
        ]

    return refine(
        decode,
        z,
        seen["absorption"],
        seen["weight"],
        steps=steps,
        errors_known="ivar" in inputs,
        starts=starts_of(predictor.manifest, z.shape[1]),
    )


def starts_of(manifest: Mapping[str, Any], latents: int) -> np.ndarray:
    """Codes to begin from: plain spectra, and training rows where a model has them."""
    plain = velocity_starts(latents)
    if "starts" not in manifest:
        return plain
    return np.concatenate([plain, unpack_codes(manifest["starts"])])


def refined_outputs(
    predictor: Predictor,
    inputs: Mapping[str, np.ndarray],
    outputs: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Outputs of `predict` with refined latents, their errors and the refined score.

    The p-value stays that of the encoder's latents, for which it was calibrated.
    """
    found = refine_latents(predictor, inputs, outputs["z"])
    variance = np.einsum("rll->rl", found.covariance)
    counted = _counted(inputs)
    gained = (found.before - found.chi_square) / np.maximum(counted, 1)
    return dict(outputs) | {
        "z": found.z,
        "z_error": np.sqrt(np.maximum(variance, 0.0)).astype("float32"),
        "refined_score": (outputs["score"] - gained).astype("float32"),
    }


def described(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest that knows the columns of `refined_outputs`."""
    signatures = manifest["signatures"]
    added = {
        name: {"units": units, "description": text}
        for name, (units, text) in TERMS.items()
    }
    outputs = signatures["predict"]["outputs"] | added
    predict = signatures["predict"] | {"outputs": outputs}
    return dict(manifest) | {"signatures": signatures | {"predict": predict}}


def _counted(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    good = np.isfinite(inputs["flux"])
    if "ivar" in inputs:
        good = good & (inputs["ivar"] > 0)
    if "mask" in inputs:
        good = good & (inputs["mask"] == 0)
    return good.sum(axis=1)

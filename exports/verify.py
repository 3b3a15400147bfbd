"""Proof that an artefact computes what its model computed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from keras_astro.errors import VerificationError
from keras_astro.exports.profiles import Profile

Merit = Callable[[dict[str, np.ndarray]], dict[str, float]]

# Decisions may jump where a number is within rounding of a threshold.
FLAGS = ("is_anomaly", "class_index", "abstains")
STEPS = ("p_value", *FLAGS)

# Of so many rows flagged by the model, an artefact must flag some.
MANY = 10

# Smaller spreads are rounding: such an output is constant.
NOTHING = 1e-6

_ANOTHER = "Export in another format, and report the run."

RELOAD = """
import sys
import numpy as np
from keras_astro.inference.predictor import open_predictor
predictor = open_predictor(sys.argv[1])
rows = dict(np.load(sys.argv[2]))
results = {}
for signature in predictor.signatures:
    wanted = predictor.manifest["signatures"][signature]["inputs"]
    found = predictor.run(signature, {name: rows[name] for name in wanted})
    results |= {f"{signature}/{name}": value for name, value in found.items()}
if sys.argv[4] != "saved_model" and "tensorflow" in sys.modules:
    sys.exit("Error: TensorFlow was imported, which this format must do without")
np.savez(sys.argv[3], **results)
"""


def verify(
    path: Path,
    profile: Profile,
    *,
    rows: dict[str, np.ndarray],
    expected: dict[str, np.ndarray],
    merit: Merit,
    parameters: int,
) -> dict[str, Any]:
    """Reloads an artefact in a fresh process and compares every output.

    Args:
        path: The artefact.
        profile: Its bounds.
        rows: Real inputs by name, including `z` where a signature decodes.
        expected: The Keras model's arrays as `signature/output`.
        merit: Figures of merit, at most 1 and larger for the better, of the outputs of
            `predict`; none where the truth of the rows is not known.
        parameters: Weights of the model, for the size check.

    Returns:
        What was measured, per output.

    Raises:
        VerificationError: If the artefact does not load, an output is not finite, is
            constant or differs by more than the tolerance, too many decisions are
            others, a figure of merit falls too far, or the file is too small to hold
            the weights.
    """
    _check_size(path, profile, parameters)
    found = reload(path, profile, rows)
    measured = {}
    for name, wanted in expected.items():
        measured[name] = _compare(name, found.get(name), wanted, profile)
    changed = {k: v["changed_fraction"] for k, v in measured.items() if _decides(k)}
    return _merit_loss(merit, found, expected, profile) | {
        "format": profile.fmt,
        "quantize": profile.quantize,
        "rows": len(next(iter(rows.values()))),
        "tolerance": profile.tolerance,
        "part_tolerance": profile.part_tolerance,
        "flips": max(changed.values(), default=0.0),
        "flip_limit": profile.flips,
        "outputs": measured,
    }


def reload(path: Path, profile: Profile, rows) -> dict[str, np.ndarray]:
    """The artefact's outputs, computed by a process that only knows the file."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(inputs, **rows)
        command = [sys.executable, "-c", RELOAD, str(path), str(inputs), str(outputs)]
        done = subprocess.run(
            [*command, profile.fmt], capture_output=True, text=True, check=False
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "Error" in line]
            reason = lines[-1] if lines else f"it ended with {done.returncode}"
            raise VerificationError(
                f"{path.name}: a fresh process cannot run it ({reason})",
                hint="Check the installation with: kastro doctor",
            )
        with np.load(outputs) as archive:
            return dict(archive)


def files_of(path: Path) -> list[Path]:
    """The files that an artefact consists of."""
    return [p for p in (path, *path.rglob("*")) if p.is_file()]


def _check_size(path: Path, profile: Profile, parameters: int) -> None:
    size = sum(file.stat().st_size for file in files_of(path))
    least = 0.2 * parameters * profile.weight_bytes
    if size < least:
        raise VerificationError(
            f"{path.name}: {size} bytes cannot hold {parameters} weights (expected at "
            f"least {least:.0f}): the conversion lost some",
            hint=_ANOTHER,
        )


def _compare(
    name: str, found, wanted: np.ndarray, profile: Profile
) -> dict[str, float]:
    if found is None or found.shape != wanted.shape:
        shape = None if found is None else found.shape
        raise VerificationError(
            f"{name}: expected shape {wanted.shape}, found {shape}",
            hint=_ANOTHER,
        )
    if not np.isfinite(found).all():
        raise VerificationError(
            f"{name}: has values that are NaN or infinite",
            hint=_what_next(profile),
        )
    spread = float(wanted.std())
    output = name.split("/")[1]
    # Few flags may vanish at the threshold, all p-values may not.
    if output not in FLAGS and spread > NOTHING and found.std() == 0:
        raise VerificationError(
            f"{name}: is constant, the model's output is not",
            hint=_what_next(profile),
        )
    if output in FLAGS:
        return _flips(name, found, wanted, profile)
    if output in STEPS:
        return {"largest_difference": float(np.abs(found - wanted).max())}
    error, limit = rms_over_sd(found, wanted), limit_of(output, profile)
    if error > limit:
        raise VerificationError(
            f"{name}: differs from the model by {error:.2g} of its sd, expected at "
            f"most {limit:.2g}",
            hint=_what_next(profile),
        )
    return {"rms_over_sd": error}


def rms_over_sd(found: np.ndarray, wanted: np.ndarray) -> float:
    """Root mean square difference over the standard deviation of what is wanted."""
    rms = float(np.sqrt(np.mean((found - wanted) ** 2)))
    return rms / max(float(wanted.std()), NOTHING)


def limit_of(output: str, profile: Profile) -> float:
    """What a profile allows of `rms_over_sd` of a continuous output."""
    return profile.tolerance if output == "score" else profile.part_tolerance


def _what_next(profile: Profile) -> str:
    """What to do where an artefact computes something else than its model."""
    if profile.quantize == "none":
        return _ANOTHER
    return "Choose a format with more bits, e.g. --quantize none."


def _decides(name: str) -> bool:
    return name.split("/")[1] in FLAGS


def _flips(
    name: str, found: np.ndarray, wanted: np.ndarray, profile: Profile
) -> dict[str, float]:
    """How many decisions are others; a few may be at a threshold, all may not."""
    changed = found != wanted
    most = max(1, int(profile.flips * len(wanted)))
    if changed.sum() > most:
        raise VerificationError(
            f"{name}: {changed.sum()} of {len(wanted)} decisions differ from the "
            f"model's, expected at most {most}",
            hint=_what_next(profile),
        )
    if np.sum(wanted > 0) >= MANY and not np.any(found[wanted > 0]):
        raise VerificationError(
            f"{name}: none of the {np.sum(wanted > 0)} rows flagged by the model is",
            hint=_what_next(profile),
        )
    return {
        "largest_difference": float(np.abs(found - wanted).max()),
        "changed_fraction": float(np.mean(changed)),
    }


def _merit_loss(merit: Merit, found, expected, profile: Profile) -> dict[str, float]:
    before, after = (merit(predicted(o)) for o in (expected, found))
    measured = {}
    for name, value in before.items():
        loss = value - after[name]
        if not loss <= profile.merit_loss:
            raise VerificationError(
                f"predict: {name} falls from {value:.4f} to {after[name]:.4f}, "
                f"expected a loss of at most {profile.merit_loss:g}",
                hint=_what_next(profile),
            )
        measured |= {
            f"{name}_model": value,
            f"{name}_artefact": after[name],
            f"{name}_loss": loss,
        }
    return measured


def predicted(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What `predict` gives, by name, of outputs by `signature/output`."""
    start = "predict/"
    return {k.removeprefix(start): v for k, v in outputs.items() if k.startswith(start)}


def write_verification(path: Path, content: dict[str, Any]) -> None:
    """Writes verification.json beside an artefact."""
    path.write_text(json.dumps(content, indent=1))

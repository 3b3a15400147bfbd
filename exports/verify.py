"""Proof that an artefact computes what its model computed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_astro.errors import VerificationError
from keras_astro.exports.profiles import Profile

# Decisions may jump where the score is within rounding of the threshold.
STEPS = ("p_value", "is_anomaly")

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
if sys.argv[4] == "tflite" and "tensorflow" in sys.modules:
    sys.exit("the TFLite path imported TensorFlow")
np.savez(sys.argv[3], **results)
"""


def verify(
    path: Path,
    profile: Profile,
    *,
    rows: dict[str, np.ndarray],
    expected: dict[str, np.ndarray],
    parameters: int,
) -> dict[str, Any]:
    """Reloads an artefact in a fresh process and compares every output.

    Args:
        path: The artefact.
        profile: Its bounds.
        rows: Real inputs by name, including `z` where a signature decodes.
        expected: The Keras model's arrays as `signature/output`.
        parameters: Weights of the model, for the size check.

    Returns:
        What was measured, per output.

    Raises:
        VerificationError: If the artefact does not load, an output is not finite, is
            constant or differs by more than the tolerance, or the file is too small to
            hold the weights.
    """
    _check_size(path, profile, parameters)
    found = reload(path, profile, rows)
    measured = {}
    for name, wanted in expected.items():
        measured[name] = _compare(name, found.get(name), wanted, profile)
    return {
        "format": profile.fmt,
        "quantize": profile.quantize,
        "rows": len(next(iter(rows.values()))),
        "tolerance": profile.tolerance,
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
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise VerificationError(f"{path}: a fresh process cannot run it ({reason})")
        with np.load(outputs) as archive:
            return dict(archive)


def _check_size(path: Path, profile: Profile, parameters: int) -> None:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    size = sum(file.stat().st_size for file in files)
    least = 0.2 * parameters * profile.weight_bytes
    if size < least:
        raise VerificationError(
            f"{path}: {size} bytes cannot hold {parameters} weights (expected at least "
            f"{least:.0f}): the conversion lost some"
        )


def _compare(
    name: str, found, wanted: np.ndarray, profile: Profile
) -> dict[str, float]:
    if found is None or found.shape != wanted.shape:
        shape = None if found is None else found.shape
        raise VerificationError(f"{name}: expected shape {wanted.shape}, found {shape}")
    if not np.isfinite(found).all():
        raise VerificationError(f"{name}: has values that are NaN or infinite")
    spread = float(wanted.std())
    if (
        len(wanted) > 1
        and spread > 0
        and found.std() == 0
        and name.split("/")[1] not in STEPS
    ):
        raise VerificationError(f"{name}: is constant, the model's output is not")
    error = float(np.sqrt(np.mean((found - wanted) ** 2))) / max(spread, 1e-12)
    limit = profile.tolerance
    if name.split("/")[1] in STEPS:
        changed = float(np.mean(found != wanted))
        return {"rms_over_sd": error, "changed_fraction": changed}
    if spread > 0 and error > limit:
        raise VerificationError(
            f"{name}: differs from the model by {error:.2g} of its sd, expected at "
            f"most {limit:.2g}",
            hint="Choose a format with more bits, e.g. --quantize none.",
        )
    return {"rms_over_sd": error}


def write_verification(path: Path, content: dict[str, Any]) -> None:
    """Writes verification.json beside an artefact."""
    path.write_text(json.dumps(content, indent=1))

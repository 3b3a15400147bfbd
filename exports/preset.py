"""A preset as an artefact of one's own: it is one already."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from keras_astro.errors import UsageError
from keras_astro.exports.staging import VERIFICATION, refuse_existing, staged
from keras_astro.exports.verify import write_verification
from keras_astro.inference.manifest import read_manifest
from keras_astro.inference.presets import PREFIX, recipe, resolve_preset


def export_preset(
    name: str,
    *,
    fmt: str,
    quantize: str | None,
    out_dir: Path | None = None,
    overwrite: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Copies a preset's file, after checking its hashes; needs no TensorFlow.

    A preset is what `kastro export` made of a run by float16 conversion. The Keras
    model is not in it, so no other format can be made from it.

    Args:
        name: `preset:NAME`.
        fmt: `tflite`, the only format that a preset has.
        quantize: `float16` or None.
        out_dir: Where to; `exports/NAME-float16` when None.
        overwrite: Whether an existing artefact may be replaced.

    Returns:
        The copy, and what is recorded beside it.

    Raises:
        UsageError: If there is no such preset, it has not that format, or the place is
            taken.
    """
    source = resolve_preset(name)
    short = name.removeprefix(PREFIX)
    manifest = read_manifest(source)
    own = manifest["quantization"]
    if fmt != "tflite" or quantize not in (None, own):
        wanted = f"{fmt} {quantize}" if quantize else fmt
        raise UsageError(
            f"{name} cannot become {wanted}: it is a finished tflite {own} file, and "
            "the Keras model that a conversion starts from is not in it",
            hint=f"Train that model by the preset's recipe, kastro train "
            f"{recipe(short)} -o runs/{short}, then: kastro export runs/{short} "
            f"--format {fmt}" + (f" --quantize {quantize}" if quantize else ""),
        )
    folder = out_dir or Path("exports") / f"{short}-{own}"
    refuse_existing(folder, overwrite=overwrite)
    found = {
        "copied_from": name,
        "format": fmt,
        "quantize": own,
        "content_sha256": manifest["content_sha256"],
    }
    file = f"{short}-{own}.tflite"
    with staged(folder) as staging:
        shutil.copyfile(source, staging / file)
        write_verification(staging / VERIFICATION, found)
    return folder / file, found

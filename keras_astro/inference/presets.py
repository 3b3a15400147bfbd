"""Pretrained artefacts that come with the package, by name.

Each is a float16 `.tflite` file with its manifest and card inside, and beside it the
recipe, a configuration that `kastro train` takes, that trained it.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from keras_astro import presets as folder
from keras_astro.errors import UsageError

PREFIX = "preset:"
FOLDER = Path(folder.__file__).parent


def preset_files() -> dict[str, Path]:
    """The artefact of each preset by its name, which is its task's."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.tflite"))}


def recipe(name: str) -> Path:
    """The configuration that trained a preset."""
    return FOLDER / f"{name}.yaml"


def resolve_preset(path: str | Path) -> Path:
    """The artefact that `preset:NAME` stands for; any other path as it is.

    Raises:
        UsageError: If there is no such preset.

    Example:
        >>> resolve_preset("runs/mine")
        PosixPath('runs/mine')
    """
    if not str(path).startswith(PREFIX):
        return Path(path)
    name, known = str(path).removeprefix(PREFIX), preset_files()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    suggestion = f"did you mean {PREFIX}{near[0]}? " if near else ""
    offered = ", ".join(f"{PREFIX}{n}" for n in known) or "none"
    raise UsageError(
        f"{path}: no such preset ({suggestion}presets: {offered})",
        hint="List them with: kastro tasks",
    )

"""Trained models that come with the package, each with the recipe that made it."""

from __future__ import annotations

from pathlib import Path

from keras_astro.errors import UsageError

FOLDER = Path(__file__).parent


def preset_path(name: str) -> Path:
    """The `.tflite` file of a trained model; its recipe is the `.yaml` beside it.

    Raises:
        UsageError: If there is none of that name.

    Example:
        >>> preset_path("galaxies").name
        'galaxies.tflite'
    """
    path = FOLDER / f"{name}.tflite"
    if not path.is_file():
        names = sorted(file.stem for file in FOLDER.glob("*.tflite"))
        raise UsageError(
            f"{name} is not a trained preset; there are: {', '.join(names) or 'none'}"
        )
    return path

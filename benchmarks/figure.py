"""Figures that a repository can carry."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

COLOURS = 32


def save_small(figure: Figure, path: Path) -> None:
    """Saves a plot as a PNG of few colours."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    image = (
        Image.open(buffer).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)

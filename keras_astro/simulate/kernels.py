"""Tabulated line-spread functions in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

Kernel = tuple[tuple[float, ...], tuple[float, ...]]


def read_kernel(path: str | Path) -> Kernel:
    """Reads a line-spread function: a row a velocity, its value behind it.

    Lines that begin with `#` are comments; columns are set apart by blanks or commas.
    Values need not sum to 1, nor velocities be evenly spaced.

    Args:
        path: A text file of two columns, velocity in km/s and value.

    Returns:
        Velocities, increasing, and values.

    Raises:
        ValueError: If the file is absent or holds no such table.
    """
    try:
        text = Path(path).read_text().replace(",", " ")
        rows = [line.split("#")[0].split() for line in text.splitlines()]
        table = np.array([row for row in rows if row], float)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a table ({error})") from error
    if table.ndim != 2 or table.shape[1] != 2 or len(table) < 3:
        raise ValueError(
            f"{path}: expected two columns, velocity in km/s and value, of three rows "
            f"or more, found a table of shape {table.shape}"
        )
    velocity, value = table.T
    if not np.isfinite(table).all() or (np.diff(velocity) <= 0).any():
        raise ValueError(f"{path}: expected finite numbers and increasing velocities")
    if (value < 0).any() or not value.any():
        raise ValueError(f"{path}: expected values of at least 0, not all of them 0")
    return tuple(velocity.tolist()), tuple(value.tolist())

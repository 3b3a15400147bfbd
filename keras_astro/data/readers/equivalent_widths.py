"""Tables of pseudo-equivalent widths with reference labels, as ODUSSEAS ships them.

A row is a star: its name, one width a line in milliangstrom, then [Fe/H] and Teff. The
header names each line by its wavelength in air.

Reference:
    Antoniadis-Karnavas et al. 2020, A&A 636, A9.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_astro.errors import DataError

LABELS = {"FeH": "metallicity_dex", "Teff": "teff_kelvin"}


@dataclass(frozen=True)
class LineTable:
    """Line strengths of stars and their labels on one reference scale.

    Args:
        star: Name of each star, `(star,)`.
        wavelength_angstrom: Of each line, in air, `(line,)`.
        widths: Pseudo-equivalent widths in milliangstrom, `(star, line)`.
        labels: `metallicity_dex` and `teff_kelvin`, each `(star,)`.
    """

    star: np.ndarray
    wavelength_angstrom: np.ndarray
    widths: np.ndarray
    labels: dict[str, np.ndarray]


def read_line_table(path: Path) -> LineTable:
    """Reads one table.

    Raises:
        DataError: If the file is absent or not such a table, naming the line.
    """
    try:
        with Path(path).open(newline="") as file:
            header, *rows = csv.reader(file)
    except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
        raise DataError(
            f"{path}: not a table of equivalent widths ({error})",
            hint="Give a CSV with a header: names, wavelengths, FeH, Teff.",
        ) from error
    tail = tuple(LABELS)
    if len(header) < 4 or tuple(header[-2:]) != tail:
        raise DataError(
            f"{path}: expected a header of four columns or more that end with "
            f"{', '.join(tail)}, found {', '.join(header[-2:])} of {len(header)}",
            hint="Name the columns: star, wavelengths in angstrom, FeH (dex), Teff "
            "(kelvin).",
        )
    if not rows:
        raise DataError(
            f"{path}: expected a row a star, found none",
            hint="Add a line a star: its name, a width in milliangstrom for each "
            "line, FeH, Teff.",
        )
    wavelength = _numbers(path, 1, header[1:-2], len(header) - 3)
    values = np.stack(
        [_numbers(path, i, row[1:], len(header) - 1) for i, row in enumerate(rows, 2)]
    )
    return LineTable(
        np.array([star_name(row[0]) for row in rows]),
        wavelength,
        values[:, :-2],
        {ours: values[:, i - 2] for i, ours in enumerate(LABELS.values())},
    )


def star_name(text: str) -> str:
    """The star in the name of a spectrum's file.

    Example:
        >>> star_name("result_GJ163_sum_S1Dconv94600")
        'GJ163'
    """
    return re.sub(r"(_sum)?_S1D.*$", "", text.removeprefix("result_"))


def _numbers(path: Path, line: int, cells: list[str], expected: int) -> np.ndarray:
    if len(cells) != expected:
        raise DataError(
            f"{path} line {line}: expected {expected} numbers, found {len(cells)}",
            hint="Give a width for each wavelength of the header, then FeH and Teff.",
        )
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError as error:
        raise DataError(
            f"{path} line {line}: expected numbers ({error})",
            hint="Write plain numbers with a point; only the first column is text.",
        ) from error
    if not np.isfinite(values).all():
        raise DataError(
            f"{path} line {line}: expected finite numbers, found "
            f"{np.sum(~np.isfinite(values))} NaN or infinite",
            hint="Leave out stars, or lines of all stars, that were not measured.",
        )
    return values

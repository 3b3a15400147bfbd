"""How much of each element is in which ion, from a table of Cloudy runs.

The table is made by `benchmarks/ionisation_table.py` from data of fake_spectra (MIT);
its notice lies beside it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

TABLE = Path(__file__).parent / "data" / "cgm_ionisation.npz"

IONS = (
    "H I",
    "C II",
    "C III",
    "C IV",
    "N V",
    "O I",
    "O VI",
    "Mg II",
    "Si II",
    "Si III",
    "Si IV",
    "Fe II",
)

# Atoms for each hydrogen atom in the Sun: Asplund et al. 2009, ARA&A 47, table 1.
SOLAR = {
    "H": 1.0,
    "C": 10.0 ** (8.43 - 12),
    "N": 10.0 ** (7.83 - 12),
    "O": 10.0 ** (8.69 - 12),
    "Mg": 10.0 ** (7.60 - 12),
    "Si": 10.0 ** (7.51 - 12),
    "Fe": 10.0 ** (7.50 - 12),
}


@cache
def _table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(TABLE, allow_pickle=False) as file:
        return (
            file["log_density"],
            file["log_temperature"],
            file["log_fraction"].astype(np.float64),
        )


def log_ion_fractions(
    log_density: np.ndarray, log_temperature: np.ndarray
) -> np.ndarray:
    """Log10 of the fraction of an element in each ion, at redshift 0.2.

    Bilinear in both logarithms; values beyond the table's edges are those of the edge.

    Args:
        log_density: Log10 of the hydrogen density in cm^-3, -6 to 1.
        log_temperature: Log10 of the temperature in K, 3.8 to 6.5; same shape.

    Returns:
        `(..., ion)`, in the order of `IONS`.

    Example:
        >>> warm = log_ion_fractions(np.array(-3.0), np.array(4.0))
        >>> round(float(warm[IONS.index("H I")]), 1)
        -1.8
    """
    density, temperature, values = _table()
    i, s = _place(density, log_density)
    j, t = _place(temperature, log_temperature)
    s, t = s[..., None], t[..., None]
    low = values[i, j] * (1 - t) + values[i, j + 1] * t
    high = values[i + 1, j] * (1 - t) + values[i + 1, j + 1] * t
    return low * (1 - s) + high * s


def _place(axis: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the node below and the fraction of the way to the next."""
    step = axis[1] - axis[0]
    position = np.clip((np.asarray(x) - axis[0]) / step, 0, len(axis) - 1)
    below = np.minimum(position.astype(int), len(axis) - 2)
    return below, position - below


def log_ion_columns(
    log_hydrogen: np.ndarray,
    log_density: np.ndarray,
    metallicity: np.ndarray,
    log_temperature: np.ndarray,
) -> np.ndarray:
    """Log10 column densities of all ions of a cloud of one density and temperature.

    Args:
        log_hydrogen: Log10 of the total hydrogen column in cm^-2.
        log_density: Log10 of the hydrogen density in cm^-3.
        metallicity: Log10 of the abundance of metals over the solar one.
        log_temperature: Log10 of the temperature in K.

    Returns:
        `(..., ion)` in cm^-2, in the order of `IONS`.
    """
    fractions = log_ion_fractions(log_density, log_temperature)
    elements = [ion.split()[0] for ion in IONS]
    abundance = np.log10([SOLAR[element] for element in elements])
    metal = np.array([element != "H" for element in elements])
    return (
        np.asarray(log_hydrogen)[..., None]
        + abundance
        + np.where(metal, np.asarray(metallicity)[..., None], 0.0)
        + fractions
    )

"""Lines that a stellar spectroscopist expects by name."""

from __future__ import annotations

from keras_astro.preprocessing.spectra import air_to_vacuum

# Wavelengths in air, angstrom.
LINES = {
    "Mg I b 5167": 5167.32,
    "Mg I b 5173": 5172.68,
    "Mg I b 5184": 5183.60,
    "Fe I 5270": 5269.54,
    "Fe I 5328": 5328.04,
    "Fe I 5371": 5371.49,
    "Fe I 5405": 5405.77,
    "Fe I 5430": 5429.70,
    "Ca I 6103": 6102.72,
    "Ca I 6122": 6122.22,
    "Ca I 6162": 6162.17,
    "Fe I 6191": 6191.56,
    "Fe I 6231": 6230.72,
    "Ca I 6439": 6439.08,
    "Ca II 8498": 8498.02,
    "Ca II 8542": 8542.09,
    "Ca II 8662": 8662.14,
    "Mg I 8807": 8806.757,
    "Fe I 8824": 8824.221,
}


def lines_in(medium: str) -> dict[str, float]:
    """Wavelengths of named lines in `air` or `vacuum`.

    Example:
        >>> round(lines_in("vacuum")["Fe I 8824"], 2)
        8826.64
    """
    if medium == "vacuum":
        return {name: float(air_to_vacuum(place)) for name, place in LINES.items()}
    return dict(LINES)

"""Units and description of every tensor of the stellar model, by name."""

from __future__ import annotations

from keras_astro.data.star_schema import STELLAR
from keras_astro.models.stellar import ENDS, end_name, error_name

LABELS = {
    "teff_kelvin": ("K", "Effective temperature"),
    "logg_dex": ("dex(cm / s2)", "Surface gravity"),
    "metallicity_dex": ("dex", "[M/H]"),
    "vsini_kms": ("km / s", "Projected rotation velocity"),
}

TERMS = {
    **{f.name: (f.units, f.description) for f in STELLAR.inputs},
    "reconstruction_mse": ("", "Mean squared error of the autoencoder"),
    "latent_distance": ("", "Squared distance from training codes, over their number"),
    "label_extent": ("", "Nearness to the edge of the training labels, which is 1"),
    "score": ("", "Combined distance from the training stars"),
    "p_value": ("", "Chance that a star like those trained on is as far"),
    "is_anomaly": ("", "Whether the star is unlike those trained on"),
    "z": ("", "Latent code"),
    "normalised": ("", "Spectrum over its pseudo-continuum, bad pixels filled"),
    "reconstruction": ("", "Its reconstruction"),
}

for _label, (_unit, _what) in LABELS.items():
    TERMS[_label] = (_unit, _what)
    _width = "dex" if "dex" in _unit else _unit
    TERMS[error_name(_label)] = (_width, f"{_what}, standard error of the ensemble")
    for _end in ENDS:
        _side, _level = _end.split("_")
        TERMS[end_name(_label, _end)] = (
            _unit,
            f"{_what}, {_side} end of the {_level} % interval",
        )

"""The schema of alerts: stamps, packet metadata, class, and their names."""

from __future__ import annotations

import math

import numpy as np

from keras_astro.data.sample import Field, Schema

CLASSES = ("SN", "AGN", "VS", "asteroid", "bogus")
CHANNELS = ("science", "template", "difference")

# What a packet says beside its stamps, in the order of the input `metadata`. Scores of
# other classifiers and distances to known asteroids are left out: labels come from
# them. Logarithms are decadic; what spans decades is one, so that it can be
# standardised.
FEATURES = {
    "is_positive": "1 if brighter than the template, 0 if fainter",
    "magpsf_mag": "Magnitude of the difference",
    "sigmapsf_mag": "Its standard error",
    "magnr_mag": "Magnitude of the nearest source of the template",
    "log_distnr": "Logarithm of 0.1 + the distance to it in arcsec",
    "log_chinr": "Logarithm of 0.1 + the chi of its profile fit",
    "sharpnr": "Sharpness of its profile fit",
    "sgscore1": "Star-galaxy score of the nearest catalogue source, 1 is a star",
    "log_distpsnr1": "Logarithm of 0.1 + the distance to it in arcsec",
    "log_ndethist": "Logarithm of 1 + earlier detections at this place",
    "log_ncovhist": "Logarithm of 1 + earlier exposures of this place",
    "log_history_days": "Logarithm of 1 + days since the first detection",
    "log_fwhm": "Logarithm of 0.1 + the width of the source in pixels",
    "classtar": "Star-galaxy score of the detection",
    "log_nneg": "Logarithm of 1 + negative pixels around the source",
    "elong": "Elongation of the source",
    "diffmaglim_mag": "Five-sigma limit of the difference image",
    "log_neargaia": "Logarithm of 0.1 + the distance to a Gaia source in arcsec",
    "galactic_latitude_deg": "Absolute galactic latitude",
    "ecliptic_latitude_deg": "Absolute ecliptic latitude",
}

# Numbers beyond are fill values of the pipelines, such as the largest float.
SENTINEL = 1e20
# Stands for an unknown feature where NaN cannot, as in JSON.
UNKNOWN = 1e30

ALERTS = Schema(
    task="alerts",
    inputs=(
        Field(
            "stamps",
            ("y", "x", "channel"),
            units="adu",
            description="Science, template and difference cutouts, source at the "
            "centre; NaN where there is no data",
            optional=False,
            gaps=True,
        ),
        Field(
            "metadata",
            ("feature",),
            description=f"{', '.join(FEATURES)}; NaN or 1e30 where unknown",
            fill=UNKNOWN,
            gaps=True,
        ),
    ),
    targets=(Field("label", dtype="str", description="Class, empty where unknown"),),
    meta=(
        Field("id", dtype="str", description="Alert, unique"),
        Field("group", dtype="str", description="Object; splits keep it whole"),
        Field("mjd", dtype="float64", units="d", description="Time of the exposure"),
        Field("band", dtype="str", description="Filter"),
        Field("survey", dtype="str", description="Survey and packet schema version"),
    ),
)


def feature_row(values: dict[str, float]) -> np.ndarray:
    """Features by name as one row, NaN where one is absent.

    Example:
        >>> row = feature_row({"is_positive": 1.0})
        >>> row.shape, float(row[0]), bool(np.isnan(row[1]))
        ((20,), 1.0, True)
    """
    return np.array([values.get(name, math.nan) for name in FEATURES], np.float32)

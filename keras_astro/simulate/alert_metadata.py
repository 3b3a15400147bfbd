"""Packet metadata of simulated alerts; priors are medians and ranges of real ones."""

from __future__ import annotations

import numpy as np

from keras_astro.data.alert_schema import feature_row
from keras_astro.simulate.alert_camera import Exposure
from keras_astro.simulate.alert_sources import Sky

PIXEL_ARCSEC = 1.012

# Median and sd of ln(1 + detections) and of ln(1 + days since the first one).
HISTORY = {
    "SN": ((3.5, 1.4), (3.6, 1.3)),
    "AGN": ((6.2, 0.9), (7.2, 0.6)),
    "VS": ((5.8, 1.4), (7.0, 0.9)),
    "asteroid": ((0.7, 0.3), (0.3, 0.9)),
    "bogus": ((0.9, 0.7), (1.5, 2.2)),
}
# Median and sd of the absolute galactic and ecliptic latitudes, in degrees.
LATITUDES = {
    "SN": ((45, 22), (30, 20)),
    "AGN": ((45, 20), (30, 20)),
    "VS": ((18, 18), (35, 22)),
    "asteroid": ((40, 20), (7, 8)),
    "bogus": ((28, 22), (32, 22)),
}


def draw_metadata(
    label: str,
    sky: Sky,
    exposure: Exposure,
    positive: bool,
    stamps: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """The features of a packet, `(feature,)`; NaN where a real one would have none."""
    bogus = label == "bogus"
    noise = 10 ** (0.4 * (sky.mag - exposure.limit_mag)) / 5
    detections, days = (
        max(rng.normal(middle, sd), 0.7) for middle, sd in HISTORY[label]
    )
    galactic, ecliptic = (
        min(abs(rng.normal(middle, sd)), 90.0) for middle, sd in LATITUDES[label]
    )
    centre = stamps[29:34, 29:34, 2]
    width = exposure.science_fwhm * (1 + 0.12 * abs(rng.normal()))
    star = sky.is_star
    score = rng.beta(6, 0.6) if star == 1 else rng.beta(0.6, 4)
    distance = PIXEL_ARCSEC * sky.counterpart_pixels
    gaia = distance if star == 1 else rng.uniform(5, 60)
    is_point = not bogus or rng.random() < 0.4
    return feature_row(
        {
            "is_positive": float(positive),
            "magpsf_mag": sky.mag,
            "sigmapsf_mag": float(np.clip(1.0857 * noise, 0.02, 0.3)),
            "magnr_mag": sky.counterpart_mag,
            "log_distnr": np.log10(0.1 + distance),
            "log_chinr": float(rng.normal(0 if star == 1 else 0.13, 0.22)),
            "sharpnr": float(rng.normal(0 if star == 1 else 0.2, 0.15)),
            "sgscore1": np.nan if np.isnan(star) else float(score),
            "log_distpsnr1": np.log10(0.1 + distance + abs(rng.normal(0, 0.15))),
            "log_ndethist": detections / np.log(10),
            "log_ncovhist": rng.normal(3.1, 0.25),
            "log_history_days": days / np.log(10),
            "log_fwhm": np.log10(0.1 + (width if is_point else rng.uniform(0.8, 8))),
            "classtar": float(rng.beta(8, 0.5) if is_point else rng.beta(0.8, 1.2)),
            "log_nneg": np.log10(1.0 + np.sum(centre < -exposure.noise_dn)),
            "elong": 1 + abs(rng.normal(0.05, 0.06)) + bogus * rng.exponential(0.15),
            "diffmaglim_mag": exposure.limit_mag,
            "log_neargaia": np.log10(0.1 + gaia),
            "galactic_latitude_deg": galactic,
            "ecliptic_latitude_deg": ecliptic,
        }
    )

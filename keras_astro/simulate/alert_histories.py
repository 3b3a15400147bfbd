"""Several alerts of one object, at the times and in the bands of a real survey."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from keras_astro.data.alert_schema import FEATURES
from keras_astro.simulate.alert_bogus import draw_bogus
from keras_astro.simulate.alert_camera import Exposure, draw_exposure
from keras_astro.simulate.alert_config import AlertSimulation
from keras_astro.simulate.alert_light_curves import CURVES
from keras_astro.simulate.alert_profiles import SIDE
from keras_astro.simulate.alert_sources import SKIES, Sky

# Mean number of later alerts of an object, after visits within six hours are joined.
# Asteroids are never where they were, and errors seldom repeat.
LATER_ALERTS = {"SN": 5.0, "AGN": 5.0, "VS": 3.0, "asteroid": 0.0, "bogus": 0.6}
# Errors that come back where they were.
REPEATED = ("dipole", "bright_star", "saturated_core", "bad_column")
# Nights between two detections: 31 % within two, 86 % within five, as in 16,000 real
# ones without those of one night.
GAP_NIGHTS = (1, 2, 3, 4, 5, 8, 12, 20)
GAP_SHARES = (0.20, 0.21, 0.22, 0.13, 0.10, 0.07, 0.05, 0.02)
BANDS = ("g", "r", "i")
BAND_SHARES = (0.47, 0.52, 0.01)
FIRST_MJD = (58_200.0, 60_200.0)
# What packets say of the place, which is the same for all alerts of an object.
OF_THE_PLACE = (
    "magnr_mag",
    "log_distnr",
    "log_chinr",
    "sharpnr",
    "sgscore1",
    "log_distpsnr1",
    "log_ncovhist",
    "log_neargaia",
    "galactic_latitude_deg",
    "ecliptic_latitude_deg",
)


@dataclass
class Epoch:
    """What is needed to expose one alert of an object.

    Args:
        days: Since the object's first alert.
        band: Filter.
        sky: The scene of that time.
        exposure: Seeing, sky and depth of that time.
        positive: Whether the source is brighter than in the template.
        added: DN that the detector itself adds, `(64, 64)`.
    """

    days: float
    band: str
    sky: Sky
    exposure: Exposure
    positive: bool
    added: np.ndarray


def draw_days(label: str, most: int, rng: np.random.Generator) -> np.ndarray:
    """Days after the first alert, `(alert,)`, at most `most` of them."""
    later = min(rng.poisson(rng.exponential(LATER_ALERTS[label])), most - 1)
    nights = rng.choice(GAP_NIGHTS, later, p=GAP_SHARES)
    gaps = nights + rng.uniform(-0.1, 0.1, later)
    return np.concatenate([[0.0], np.cumsum(gaps)])


def draw_epochs(config: AlertSimulation, label: str, rng) -> list[Epoch]:
    """The alerts of one new object; those below the depth of their night are missing.

    Args:
        config: What is drawn; `max_alerts` limits the alerts.
        label: Class of the object.
        rng: Source of randomness.
    """
    exposure = draw_exposure(config.camera, rng)
    positive = bool(rng.random() < config.positive[label])
    added, kind = np.zeros((SIDE, SIDE)), ""
    if label == "bogus":
        shares = np.array(list(config.bogus.values()))
        kind = str(rng.choice(list(config.bogus), p=shares / shares.sum()))
        sky, exposure, added = draw_bogus(kind, exposure, rng)
    else:
        sky = SKIES[label](config, exposure, positive, rng)
    if config.max_alerts == 1:
        return [Epoch(0.0, "", sky, exposure, positive, added)]
    most = config.max_alerts if not kind or kind in REPEATED else 1
    days = draw_days(label, most, rng)
    bands = rng.choice(BANDS, len(days), p=BAND_SHARES)
    epochs = [Epoch(0.0, str(bands[0]), sky, exposure, positive, added)]
    if len(days) == 1:
        return epochs
    if label == "bogus":
        changes = np.ones(len(days))
    else:
        steady = steady_flux(label, sky, exposure, positive)
        first = change_flux(sky, positive)
        changes = first * CURVES[label](rng, first / steady)(days)
    for day, band, change in zip(days[1:], bands[1:], changes[1:], strict=True):
        night = draw_exposure(config.camera, rng)
        night.zero_point_mag = exposure.zero_point_mag
        if label == "bogus":
            night.offset, night.mismatch = exposure.offset, exposure.mismatch
            night.flat_error = exposure.flat_error
            epochs.append(Epoch(day, str(band), sky, night, positive, added))
            continue
        scene = changed(sky, exposure, change, steady=steady, positive=positive)
        if scene is not None and scene.mag < night.limit_mag:
            epochs.append(Epoch(day, str(band), scene, night, bool(change > 0), added))
    return epochs


def change_flux(sky: Sky, positive: bool) -> float:
    """Signed DN by which the science image differs from the template."""
    points = (sky.science if positive else sky.template).points
    total = sum(flux for _, _, flux in points)
    return total if positive else -total


def steady_flux(label: str, sky: Sky, exposure: Exposure, positive: bool) -> float:
    """DN of the changing source in the template; the faintest one where it has none."""
    if label not in ("AGN", "VS"):
        return exposure.flux(22.5)
    return sky.static.points[-1][2] + (0.0 if positive else -change_flux(sky, False))


def changed(
    sky: Sky, exposure: Exposure, change: float, *, steady: float, positive: bool
) -> Sky | None:
    """The scene at a time when the source differs from the template by `change` DN.

    Args:
        sky: The scene of the first alert.
        exposure: Of the first alert; its zero point holds.
        change: Signed DN.
        steady: DN of the source in the template.
        positive: Whether the first alert was brighter than the template.

    Returns:
        None where there is no change to be seen.
    """
    if abs(change) < 1.0:
        return None
    scene = copy.deepcopy(sky)
    source = scene.science if positive else scene.template
    x, y, old = source.points.pop()
    if scene.static.points and not (positive and change > 0):
        # What fades was in the template: the light that stays is in both images.
        at = scene.static.points[-1]
        if at[:2] == (x, y):
            left = max(steady + min(change, 0.0), 0.0)
            scene.static.points[-1] = (x, y, left)
    target = scene.science if change > 0 else scene.template
    target.points.append((x, y, abs(change)))
    scene.mag = float(exposure.zero_point_mag - 2.5 * np.log10(abs(change)))
    return scene


def same_place(first: np.ndarray, metadata: np.ndarray, epoch: Epoch, number: int):
    """Metadata of a later alert of an object, consistent with those of its first.

    Args:
        first: Features of the first alert, `(feature,)`.
        metadata: Features drawn for this alert.
        epoch: When it was.
        number: How many alerts came before.
    """
    names = list(FEATURES)
    found = metadata.copy()
    for name in OF_THE_PLACE:
        found[names.index(name)] = first[names.index(name)]
    for name, more in (("log_ndethist", number), ("log_history_days", epoch.days)):
        index = names.index(name)
        found[index] = np.log10(10 ** first[index] + more)
    return found

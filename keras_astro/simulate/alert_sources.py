"""What is in the sky of each class: counterparts, hosts, neighbours, brightness."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from keras_astro.simulate.alert_camera import Exposure
from keras_astro.simulate.alert_config import AlertSimulation
from keras_astro.simulate.alert_profiles import Scene

# A source fainter than the template's limit leaves no catalogue entry.
FAINTEST = 22.8


@dataclass
class Sky:
    """The scene of an alert before the camera, and what a catalogue says of it.

    Args:
        static: What both images share.
        science: In the science image alone.
        template: In the template alone.
        mag: Magnitude of the difference.
        counterpart_mag: Of the nearest template source; NaN without.
        counterpart_pixels: Distance to it.
        is_star: Whether that source is a point; NaN without.
    """

    static: Scene
    science: Scene = field(default_factory=Scene)
    template: Scene = field(default_factory=Scene)
    mag: float = np.nan
    counterpart_mag: float = np.nan
    counterpart_pixels: float = np.nan
    is_star: float = np.nan


def neighbours(exposure: Exposure, rng, *, stars: float, galaxies: float) -> Scene:
    """Field stars and galaxies, more the fainter they are: dN/dm of 10^(0.3 m)."""
    scene = Scene()
    for _ in range(rng.poisson(stars)):
        mag = 22.5 + np.log10(rng.random() + 10 ** (-0.3 * 8.5)) / 0.3
        x, y = rng.uniform(-31.5, 31.5, 2)
        scene.points.append((x, y, exposure.flux(mag)))
    for _ in range(rng.poisson(galaxies)):
        mag = 22.5 + np.log10(rng.random() + 10 ** (-0.45 * 6)) / 0.45
        x, y = rng.uniform(-31.5, 31.5, 2)
        scene.galaxies.append(galaxy(exposure, rng, mag, x, y))
    return scene


def galaxy(exposure: Exposure, rng, mag: float, x: float, y: float) -> tuple:
    """A galaxy of a magnitude: brighter ones are larger."""
    radius = 10 ** (0.28 - 0.11 * (mag - 19.5) + 0.18 * rng.normal())
    length, angle = 0.45 * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
    n = rng.choice([0.5, 1.0, 1.0, 1.5, 2.5, 4.0])
    return (
        x,
        y,
        exposure.flux(mag),
        n,
        max(radius, 0.4),
        length * np.cos(angle),
        length * np.sin(angle),
    )


def supernova(prior: AlertSimulation, exposure: Exposure, positive, rng) -> Sky:
    """A new point near a galaxy, or in it; negative where the template was late."""
    x, y = rng.uniform(-0.5, 0.5, 2)
    sky = Sky(neighbours(exposure, rng, stars=5, galaxies=2.5))
    sky.mag = _magnitude(exposure, rng, scale=1.6)
    if rng.random() >= prior.hostless_fraction:
        host = float(np.clip(rng.normal(19.3, 1.7), 15.0, 22.5))
        if rng.random() < 0.12:
            # Nearby supernovae are bright and few, but followed and labelled.
            host = rng.uniform(11.0, 15.5)
        body = galaxy(exposure, rng, host, 0, 0)
        # Supernovae follow the light: within about twice the half-light radius.
        distance = body[4] * abs(rng.normal(0, 1.1))
        angle = rng.uniform(0, 2 * np.pi)
        centre = (x + distance * np.cos(angle), y + distance * np.sin(angle))
        sky.static.galaxies.append((*centre, *body[2:]))
        if rng.random() < 0.3:
            core = exposure.flux(host + rng.uniform(1, 3))
            sky.static.points.append((*centre, core))
        sky.counterpart_mag, sky.is_star = host, 0.0
        sky.counterpart_pixels = distance
    target = sky.science if positive else sky.template
    target.points.append((x, y, exposure.flux(sky.mag)))
    return sky


def nucleus(prior: AlertSimulation, exposure: Exposure, positive, rng) -> Sky:
    """A varying point at the centre of a galaxy, or a blazar without one."""
    x, y = rng.uniform(-0.5, 0.5, 2)
    stars = rng.uniform(4, 40) if rng.random() < 0.3 else 5
    sky = Sky(neighbours(exposure, rng, stars=stars, galaxies=3))
    template = float(np.clip(rng.normal(18.1, 1.2), 15.5, 20.8))
    ratio = float(np.clip(rng.normal(1.0, 0.8), -0.6, 3.0))
    hidden = rng.random() < prior.blazar_fraction
    _varying(sky, exposure, rng, (x, y), template, ratio, positive)
    if not hidden:
        host = template + rng.uniform(-1.5, 1.0)
        sky.static.galaxies.append(galaxy(exposure, rng, host, x, y))
    sky.is_star = float(hidden)
    return sky


def variable_star(prior: AlertSimulation, exposure: Exposure, positive, rng) -> Sky:
    """A varying star, mostly in a crowded field."""
    crowded = rng.random() < 0.6
    stars = 10 ** rng.uniform(0.9, 2.5) if crowded else rng.uniform(2, 10)
    sky = Sky(neighbours(exposure, rng, stars=stars, galaxies=1))
    template = float(np.clip(rng.normal(16.2, 1.8), 12.3, 20.5))
    ratio = float(np.clip(rng.normal(1.4, 1.1), -1.5, 3.5))
    position = tuple(rng.uniform(-0.5, 0.5, 2))
    _varying(sky, exposure, rng, position, template, ratio, positive)
    sky.is_star = 1.0
    return sky


def asteroid(prior: AlertSimulation, exposure: Exposure, positive, rng) -> Sky:
    """A point or a short trail where the template has nothing."""
    x, y = rng.uniform(-0.5, 0.5, 2)
    stars = rng.uniform(2, 30) if rng.random() < 0.3 else 5
    sky = Sky(neighbours(exposure, rng, stars=stars, galaxies=2.5))
    sky.mag = _magnitude(exposure, rng, scale=0.9)
    trailed = rng.random() < prior.trailed_fraction
    length = rng.uniform(2, 14) if trailed else rng.uniform(0, 0.8)
    angle = rng.uniform(0, 2 * np.pi)
    steps = max(int(2 * length), 1)
    for along in np.linspace(-0.5, 0.5, steps) if steps > 1 else [0.0]:
        place = (x + along * length * np.cos(angle), y + along * length * np.sin(angle))
        sky.science.points.append((*place, exposure.flux(sky.mag) / steps))
    _nearest(sky, exposure)
    return sky


def set_magnitude(sky: Sky, mag: float) -> None:
    """Makes what changed brighter or fainter, in place."""
    scale = 10 ** (0.4 * (sky.mag - mag))
    for scene in (sky.science, sky.template):
        scene.points = [(x, y, flux * scale) for x, y, flux in scene.points]
    sky.mag = mag


def _magnitude(exposure: Exposure, rng, *, scale: float) -> float:
    """A detected magnitude: the fainter the more, down to the limit."""
    faintest = exposure.limit_mag - rng.uniform(0.7, 1.2)
    return float(max(faintest - rng.exponential(scale), 13.5))


def _varying(sky, exposure, rng, position, template, ratio, positive) -> None:
    """Adds a point to both images whose change is `ratio` mag fainter than it."""
    mag = min(template + ratio, exposure.limit_mag - rng.uniform(0.5, 1.1))
    change = exposure.flux(mag)
    steady = exposure.flux(template)
    if not positive:
        # What fades cannot lose more light than it had.
        change = min(change, 0.95 * steady)
        mag = exposure.zero_point_mag - 2.5 * np.log10(change)
    # Pulsators and eclipses leave some of the template's light of other phases.
    sky.static.points.append((*position, steady if positive else steady - change))
    target = sky.science if positive else sky.template
    target.points.append((*position, change))
    sky.mag, sky.counterpart_mag = float(mag), template
    sky.counterpart_pixels = abs(rng.normal(0, 0.2))


def _nearest(sky: Sky, exposure: Exposure) -> None:
    """What a catalogue would call the nearest source of the template."""
    found = [(np.hypot(x, y), flux, 1.0) for x, y, flux in sky.static.points]
    found += [(np.hypot(g[0], g[1]), g[2], 0.0) for g in sky.static.galaxies]
    seen = [f for f in found if f[1] > exposure.flux(FAINTEST)]
    if seen:
        distance, flux, star = min(seen)
        sky.counterpart_pixels, sky.is_star = float(distance), star
        sky.counterpart_mag = float(exposure.zero_point_mag - 2.5 * np.log10(flux))


SKIES = {
    "SN": supernova,
    "AGN": nucleus,
    "VS": variable_star,
    "asteroid": asteroid,
}

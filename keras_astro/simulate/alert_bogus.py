"""What a survey mistakes for a change: the detector's and the subtraction's errors."""

from __future__ import annotations

import dataclasses

import numpy as np

from keras_astro.simulate.alert_camera import Exposure
from keras_astro.simulate.alert_profiles import CENTRE, SIDE
from keras_astro.simulate.alert_sources import Sky, _nearest, galaxy, neighbours

Grid = np.ndarray


def draw_bogus(kind: str, exposure: Exposure, rng) -> tuple[Sky, Exposure, Grid]:
    """The sky, the exposure and the detector's own light of a bogus alert.

    Args:
        kind: A key of `KINDS`.
        exposure: Seeing, sky and alignment before anything went wrong.
        rng: Source of randomness.
    """
    stars = rng.uniform(10, 80) if rng.random() < 0.15 else 4
    sky = Sky(neighbours(exposure, rng, stars=stars, galaxies=2))
    sky.mag = float(rng.uniform(14.5, exposure.limit_mag))
    added = np.zeros((SIDE, SIDE))
    exposure = KINDS[kind](sky, exposure, added, rng) or exposure
    _nearest(sky, exposure)
    return sky, exposure, added


def _star(sky: Sky, exposure: Exposure, rng, low: float, high: float, spread=0.7):
    x, y = rng.normal(0, spread, 2)
    sky.static.points.append((x, y, exposure.flux(rng.uniform(low, high))))


def _dipole(sky, exposure, added, rng):
    if rng.random() < 0.25:
        sky.static.galaxies.append(
            galaxy(exposure, rng, rng.uniform(14.5, 18), *rng.normal(0, 0.7, 2))
        )
    else:
        _star(sky, exposure, rng, 12.5, 18.0, spread=0.9)
    length, angle = rng.uniform(0.2, 1.1), rng.uniform(0, 2 * np.pi)
    return dataclasses.replace(
        exposure, offset=(length * np.cos(angle), length * np.sin(angle))
    )


def _bright_star(sky, exposure, added, rng):
    _star(sky, exposure, rng, 11.5, 16.0, spread=0.9)
    return dataclasses.replace(
        exposure,
        mismatch=rng.normal(0, 0.06),
        offset=tuple(rng.normal(0, 0.15, 2)),
        flat_error=rng.uniform(0.01, 0.06),
    )


def _saturated_core(sky, exposure, added, rng):
    spread = rng.choice([0.5, 4.0])
    _star(sky, exposure, rng, 9.5, 13.0, spread=spread)
    if rng.random() < 0.5:
        # Charge runs along the row.
        row = CENTRE + round(sky.static.points[-1][1])
        columns = np.arange(SIDE) - CENTRE - sky.static.points[-1][0]
        level = exposure.noise_dn * 10 ** rng.uniform(0.8, 2.0)
        added[row] += level * np.exp(-np.abs(columns) / rng.uniform(4, 20))
    return dataclasses.replace(
        exposure,
        mismatch=rng.normal(0, 0.08),
        offset=tuple(rng.normal(0, 0.15, 2)),
        flat_error=rng.uniform(0.01, 0.06),
    )


def _beside_mask(sky, exposure, added, rng):
    """At the edge of the square that covers a saturated star; see `mask_pixels`."""
    away = [rng.integers(10, 15), rng.uniform(-9, 9)] * rng.choice([-1, 1], 2)
    x, y = rng.permutation(away)
    sky.static.points.append((x, y, exposure.flux(rng.uniform(9.5, 11.5))))
    columns = np.arange(SIDE) - CENTRE - x
    row = CENTRE + round(y) + rng.integers(-2, 3)
    level = exposure.noise_dn * 10 ** rng.uniform(0.5, 1.7)
    added[row : row + 2] += level * np.exp(-np.abs(columns) / rng.uniform(6, 25))
    if rng.random() < 0.5:
        for place in rng.normal(CENTRE, 1.0, (3, 2)):
            _deposit(added, *place, exposure.noise_dn * 10 ** rng.uniform(0.5, 1.3))
    return dataclasses.replace(
        exposure,
        mismatch=rng.normal(0, 0.08),
        offset=tuple(rng.normal(0, 0.15, 2)),
        flat_error=rng.uniform(0.01, 0.06),
    )


def _cosmic_ray(sky, exposure, added, rng):
    length, angle = rng.exponential(3.0), rng.uniform(0, np.pi)
    peak = exposure.noise_dn * 10 ** rng.uniform(1.1, 2.6)
    for along in np.linspace(-0.5, 0.5, max(int(3 * length), 1)):
        x = CENTRE + along * length * np.cos(angle) + rng.normal(0, 0.15)
        y = CENTRE + along * length * np.sin(angle) + rng.normal(0, 0.15)
        _deposit(added, x, y, peak * rng.uniform(0.3, 1.0))


def _bad_column(sky, exposure, added, rng):
    level = exposure.noise_dn * 10 ** rng.uniform(0.7, 2.2) * rng.choice([-1, 1, 1])
    width = rng.integers(1, 3)
    start = CENTRE + rng.integers(-1, 2)
    first = 0 if rng.random() < 0.7 else rng.integers(5, CENTRE)
    added[first:, start : start + width] += level * rng.uniform(
        0.5, 1.0, (SIDE - first, 1)
    )
    if rng.random() < 0.3:
        added[:] = added.T.copy()


def _noise_peak(sky, exposure, added, rng):
    area = int(rng.integers(1, 4))
    for _ in range(area):
        x, y = rng.normal(CENTRE, 0.9, 2)
        _deposit(added, x, y, exposure.noise_dn * rng.uniform(3, 7))


def _ghost(sky, exposure, added, rng):
    y, x = np.mgrid[:SIDE, :SIDE]
    size = rng.uniform(5, 18)
    centre = rng.normal(CENTRE, 4, 2)
    radius = np.hypot(x - centre[0], y - centre[1]) / size
    level = exposure.noise_dn * rng.uniform(2, 15)
    ring = np.exp(-((radius - 1) ** 2) / 0.05) if rng.random() < 0.5 else 0.0
    added += level * (np.exp(-0.5 * radius**2) + ring)


def _edge_strip(sky, exposure, added, rng):
    y = np.arange(SIDE)[:, None]
    start = CENTRE + rng.integers(-3, 3)
    decay = rng.uniform(0.6, 5)
    level = exposure.noise_dn * 10 ** rng.uniform(0.8, 2.0)
    added += level * np.exp(-np.abs(y - start) / decay) * (y >= start)
    if rng.random() < 0.5:
        added[:] = added.T.copy()
    if rng.random() < 0.5:
        added[:] = added[::-1, ::-1].copy()


def _satellite_glint(sky, exposure, added, rng):
    angle = rng.uniform(0, np.pi)
    length = rng.choice([70.0, rng.uniform(5, 30)])
    flux = exposure.noise_dn * 10 ** rng.uniform(0.9, 2.0)
    steps = int(2 * length)
    pulse = 1 + np.sin(np.linspace(0, rng.uniform(0, 40), steps)) * rng.uniform(0, 1)
    for along, brightness in zip(np.linspace(-0.5, 0.5, steps), pulse, strict=True):
        x, y = along * length * np.cos(angle), along * length * np.sin(angle)
        sky.science.points.append((x, y, flux * brightness))


def _deposit(added: Grid, x: float, y: float, dn: float) -> None:
    """Adds charge to the pixel at a position, if it is on the grid."""
    column, row = round(x), round(y)
    if 0 <= column < SIDE and 0 <= row < SIDE:
        added[row, column] += dn


KINDS = {
    "dipole": _dipole,
    "bright_star": _bright_star,
    "cosmic_ray": _cosmic_ray,
    "saturated_core": _saturated_core,
    "beside_mask": _beside_mask,
    "bad_column": _bad_column,
    "noise_peak": _noise_peak,
    "ghost": _ghost,
    "edge_strip": _edge_strip,
    "satellite_glint": _satellite_glint,
}

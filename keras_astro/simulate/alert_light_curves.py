"""How sources change between alerts: flux over that of the first alert, by class.

Shapes are those of the literature and are not fitted to any survey. All bands share
one light curve.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# From days after the first alert, `(alert,)` and increasing, to the change of flux in
# units of the first one; it may turn negative where a source fades below the template.
Curve = Callable[[np.ndarray], np.ndarray]


def supernova(rng: np.random.Generator, first: float) -> Curve:
    """A rise, then a fade of a tenth of a magnitude a day, or a plateau.

    Args:
        rng: Source of randomness.
        first: Change over the template's flux at the first alert; a supernova has none,
            and only its sign counts: one that is in the template is missed for good.
    """
    if first < 0:
        return np.ones_like
    plateau = rng.random() < 0.3
    rise = rng.uniform(5, 10) if plateau else rng.uniform(15, 20)
    start = rng.uniform(-0.7 * rise, 25)
    length = rng.uniform(70, 110) if plateau else 25.0
    slopes = (0.008, 0.06) if plateau else (0.1, 0.03)

    def brightness(phase):
        growth = np.clip(1 + phase / rise, 0.01, 1.0) ** 2
        late = np.maximum(phase - length, 0)
        fade = slopes[0] * np.clip(phase, 0, length) + slopes[1] * late
        return growth * 10 ** (-0.4 * fade)

    return lambda days: brightness(start + days) / brightness(start)


def nucleus(rng: np.random.Generator, first: float) -> Curve:
    """A damped random walk of the magnitude that starts where the first alert was.

    Args:
        rng: Source of randomness.
        first: Change over the template's flux at the first alert.

    Reference:
        MacLeod et al. 2010, ApJ 721, 1014: times of 100 to 300 days, 0.2 mag rms.
    """
    time = rng.uniform(100, 300)
    start = _magnitude(first)
    spread = max(0.2, abs(start) / 1.5)

    def changes(days):
        now, walk = start, []
        for gap in np.diff(days, prepend=days[0]):
            kept = np.exp(-gap / time)
            now = now * kept + spread * np.sqrt(1 - kept**2) * rng.normal()
            walk.append(now)
        return _relative(np.array(walk), first)

    return changes


def variable_star(rng: np.random.Generator, first: float) -> Curve:
    """A pulsation of hours to years, an outburst that fades, or eclipses.

    Args:
        rng: Source of randomness.
        first: Change over the template's flux at the first alert.
    """
    start = _magnitude(first)
    kind = rng.random()
    if kind < 0.2 and first > 0:
        time = rng.uniform(4, 15)
        return lambda days: _relative(start * np.exp(-days / time), first)
    if kind < 0.2:
        period, width = 10 ** rng.uniform(-0.3, 1), rng.uniform(0.1, 0.3)
        phase = rng.uniform(-width / 2, width / 2)

        def eclipsed(days):
            turn = (days / period + phase + 0.5) % 1 - 0.5
            return np.where(np.abs(turn) <= width / 2, 1.0, 0.0)

        return eclipsed
    period = 10 ** (rng.uniform(-0.5, 1.5) if kind < 0.7 else rng.uniform(2, 2.7))
    phase = np.arcsin(rng.uniform(0.4, 1.0))
    phase = phase if rng.random() < 0.5 else np.pi - phase
    size = start / np.sin(phase)
    return lambda days: _relative(
        size * np.sin(phase + 2 * np.pi * days / period), first
    )


def steady(rng: np.random.Generator, first: float) -> Curve:
    """No change, as of the errors of a detector."""
    return np.ones_like


def _magnitude(first: float) -> float:
    return float(-2.5 * np.log10(max(1 + first, 0.05)))


def _relative(magnitudes: np.ndarray, first: float) -> np.ndarray:
    return (10 ** (-0.4 * magnitudes) - 1) / first


CURVES: dict[str, Callable[[np.random.Generator, float], Curve]] = {
    "SN": supernova,
    "AGN": nucleus,
    "VS": variable_star,
    "asteroid": steady,
    "bogus": steady,
}

"""Quasar spectra with absorption by known gas: clouds, lines, spectrograph, noise.

Blocks of sightlines have seeds of their own, so the rows depend on the seed alone and
not on how many processes made them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np

from keras_astro.data.parallel import in_order
from keras_astro.data.sample import Sample, concatenate
from keras_astro.data.schemas import CGM
from keras_astro.simulate.cgm_clouds import Gas, draw_gas
from keras_astro.simulate.cgm_config import CgmSimulation
from keras_astro.simulate.cgm_ionisation import IONS
from keras_astro.simulate.cgm_lines import (
    LYMAN_LAST,
    LYMAN_LIMIT_ANGSTROM,
    get_line,
    lyman_series,
)
from keras_astro.simulate.spectrograph import fine_grid, oversampling, spread_matrix
from keras_astro.simulate.voigt import Clouds, Windows, add_line, line_windows

BLOCK = 64
# Photoionisation cross-section of hydrogen at its edge, in cm^2 (Osterbrock and Ferland
# 2006, table 2.7).
EDGE_CM2 = 6.30e-18
# From these columns on an absorber is a damped system, or a Lyman-limit system.
LOG_DAMPED, LOG_LIMIT = 20.3, 17.2
REST, LIMIT, DAMPED = 0, 1, 2


def simulate(config: CgmSimulation, n: int, *, seed: int, jobs: int = 1) -> Sample:
    """Simulates spectra in memory; see `iter_simulate`.

    Example:
        >>> sample = simulate(CgmSimulation(pixels=4000), 2, seed=1)
        >>> sample.inputs["flux"].shape, sample.axes["wavelength_angstrom"].shape
        ((2, 4000), (4000,))
    """
    return concatenate(list(iter_simulate(config, n, seed=seed, jobs=jobs)))


def iter_simulate(
    config: CgmSimulation, n: int, *, seed: int, jobs: int = 1, skip: int = 0
) -> Iterator[Sample]:
    """Simulates spectra block by block.

    Args:
        config: What is drawn.
        n: Number of sightlines.
        seed: Same seed, same rows, whatever `jobs`.
        jobs: Processes.
        skip: Leading blocks that are done already.

    Yields:
        Samples of at most 64 sightlines with flux `(row, pixel)` and all truth.
    """
    seeds = np.random.SeedSequence(seed).spawn(-(-n // BLOCK))
    starts = range(0, n, BLOCK)
    tasks = [
        (child, start, min(BLOCK, n - start))
        for child, start in zip(seeds, starts, strict=True)
    ]
    yield from in_order(partial(_block, config, seed), tasks, jobs=jobs, skip=skip)


def _block(config: CgmSimulation, seed: int, task) -> Sample:
    child, start, n = task
    rng = np.random.default_rng(child)
    gas = draw_gas(config, n, rng)
    clean = render(config, gas)
    flux, noise_mse = add_noise(clean, rng, sigma=config.noise)
    names = np.array([f"sim-{seed}-{start + i}" for i in range(n)])
    return Sample(
        CGM,
        {"flux": flux},
        truth(gas) | {"noise_mse": noise_mse},
        {"id": names, "group": names},
        axes={"wavelength_angstrom": config.wavelength_angstrom},
        name="simulated spectra",
    )


def add_noise(
    clean: np.ndarray, rng: np.random.Generator, *, sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian noise, then the cut at 0 that the challenge's files have.

    Returns:
        Flux `(row, pixel)`, and its mean squared distance from the clean flux `(row,)`:
        the loss of a perfect reconstruction.
    """
    if not sigma:
        return clean, np.zeros(len(clean), "float32")
    noise = rng.standard_normal(clean.shape, dtype=np.float32)
    flux = np.maximum(clean + np.float32(sigma) * noise, 0.0)
    return flux, np.mean((flux - clean) ** 2, axis=1, dtype=np.float64).astype("f4")


def truth(gas: Gas) -> dict[str, np.ndarray]:
    """What a spectrum shows, as numbers of each sightline, `(row,)`.

    Several clouds count by their hydrogen columns.
    """
    hydrogen = np.where(gas.present, 10.0**gas.log_hydrogen, 0.0)
    total = hydrogen.sum(axis=1)
    share = hydrogen / total[:, None]

    def mean(values):
        return (share * values).sum(axis=1)

    columns = np.log10((10.0 ** gas.log_columns()).sum(axis=1))
    neutral = columns[:, IONS.index("H I")]
    classes = np.where(neutral >= LOG_LIMIT, LIMIT, REST)
    found = {
        "log_hydrogen": np.log10(total),
        "log_density": mean(gas.log_density),
        "metallicity": mean(gas.metallicity),
        "log_temperature": mean(gas.log_temperature),
        "velocity_kms": mean(gas.velocity_kms),
        "turbulence_kms": mean(gas.turbulence_kms),
        "clouds": gas.present.sum(axis=1),
        "absorber_class": np.where(neutral >= LOG_DAMPED, DAMPED, classes),
    }
    if gas.impact_kpc is not None:
        found["impact_kpc"] = gas.impact_kpc
    for i, ion in enumerate(IONS):
        found[f"log_{ion.replace(' ', '_')}"] = columns[:, i]
    whole = ("clouds", "absorber_class")
    return {k: v.astype("uint8" if k in whole else "float32") for k, v in found.items()}


def render(config: CgmSimulation, gas: Gas) -> np.ndarray:
    """Noise-free flux over the continuum, `(row, pixel)` float32."""
    wavelength = config.wavelength_angstrom
    fine, spread = _spectrograph(config)
    lines = [get_line(name) for name in config.lines]
    if config.lyman_series:
        lines += lyman_series()
    columns, widths = 10.0 ** gas.log_columns(), gas.widths_kms()
    drawn = []
    for line in lines:
        ion = IONS.index(line.ion)
        clouds = Clouds(gas.velocity_kms, widths[..., ion], columns[..., ion])
        windows = line_windows(fine, line, clouds, redshift=config.redshift)
        drawn.append((line, clouds, windows))
    touched = _touched([w for _, _, w in drawn], len(fine))
    edge = _edge_points(config, fine) if config.lyman_series else 0
    touched[:edge] = True
    # Only points that any line reaches are kept; elsewhere nothing is absorbed.
    place = np.concatenate([[0], np.cumsum(touched)])
    kept = fine[touched]
    depth = np.zeros((len(columns), len(kept)))
    for line, clouds, w in drawn:
        moved = Windows(place[w.first], place[w.last])
        add_line(depth, kept, line, clouds, moved, redshift=config.redshift)
    if edge:
        neutral = columns[..., IONS.index("H I")].sum(axis=1)
        rest = kept[: place[edge]] / (1 + config.redshift) / LYMAN_LIMIT_ANGSTROM
        depth[:, : place[edge]] += EDGE_CM2 * neutral[:, None] * rest**3
    lost = -np.expm1(-depth)
    flux = np.ones((len(columns), len(wavelength)), "float32")
    reached = spread[:, touched]
    rows = np.flatnonzero(np.diff(reached.indptr))
    flux[:, rows] -= (reached[rows] @ lost.T).T.astype("float32")
    return np.maximum(flux, 0.0)


def _edge_points(config: CgmSimulation, fine: np.ndarray) -> int:
    """Points blueward of the first member of the series that is not drawn."""
    first = LYMAN_LIMIT_ANGSTROM / (1 - (LYMAN_LAST + 0.5) ** -2)
    return int(np.searchsorted(fine, first * (1 + config.redshift)))


def _touched(windows: list[Windows], points: int) -> np.ndarray:
    change = np.zeros(points + 1, int)
    for w in windows:
        np.add.at(change, w.first.ravel(), 1)
        np.add.at(change, w.last.ravel(), -1)
    return np.cumsum(change[:-1]) > 0


@lru_cache(maxsize=4)
def _spectrograph(config: CgmSimulation):
    wavelength = config.wavelength_angstrom
    oversample = oversampling(wavelength)
    spread = spread_matrix(
        wavelength, oversample, fwhm_kms=config.fwhm_kms, kernel=config.kernel
    )
    return fine_grid(wavelength, oversample), spread

"""Stellar spectra with known truth: draws atmospheres, rotates them, exposes them.

Blocks of stars have seeds of their own, so the rows depend on the seed alone and not on
how many processes made them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from keras_astro.data.parallel import in_order
from keras_astro.data.sample import Sample, concatenate
from keras_astro.data.star_schema import STELLAR
from keras_astro.simulate import stellar_atmosphere
from keras_astro.simulate.spectral_broadening import broaden
from keras_astro.simulate.spectral_gap import (
    SPEED_OF_LIGHT_KMS,
    distort,
    expose,
    wrong_lines,
)
from keras_astro.simulate.stellar_cannon import installed_cannon
from keras_astro.simulate.stellar_config import StellarSimulation

# Atmospheres of a block.
BLOCK = 16
# Pixels computed beyond each end: rotation and shifts reach over the window's edge.
MARGIN_KMS = 90.0

Labels = dict[str, np.ndarray]


def simulate(config: StellarSimulation, n: int, *, seed: int, jobs: int = 1) -> Sample:
    """Simulates spectra in memory; see `iter_simulate`.

    Example:
        >>> sample = simulate(StellarSimulation(pixels=400), 8, seed=1)
        >>> sample.inputs["flux"].shape, len(set(sample.meta["group"]))
        ((8, 400), 2)
    """
    return concatenate(list(iter_simulate(config, n, seed=seed, jobs=jobs)))


def iter_simulate(
    config: StellarSimulation, n: int, *, seed: int, jobs: int = 1, skip: int = 0
) -> Iterator[Sample]:
    """Simulates spectra block by block.

    Args:
        config: What is drawn.
        n: Number of spectra.
        seed: Same seed, same rows, whatever `jobs`.
        jobs: Processes.
        skip: Leading blocks that are done already.

    Yields:
        Samples of at most 16 atmospheres with flux, ivar and mask `(row, pixel)`, all
        labels, and the atmosphere as the group.
    """
    size = BLOCK * config.rows_per_atmosphere
    starts = range(0, n, size)
    seeds = np.random.SeedSequence(seed).spawn(len(starts))
    tasks = [
        (child, start, min(size, n - start))
        for child, start in zip(seeds, starts, strict=True)
    ]
    yield from in_order(partial(_block, config, seed), tasks, jobs=jobs, skip=skip)


def _block(config: StellarSimulation, seed: int, task) -> Sample:
    child, start, rows = task
    rng = np.random.default_rng(child)
    labels = draw_labels(config, rng)
    gap = config.gap
    velocity = rng.standard_normal(len(labels["vsini_kms"])) * gap.rv_residual_kms
    flux = render(config, labels, velocity_kms=velocity)
    flux = distort(gap, config.wavelength, flux, rng)
    flux, ivar, mask, snr = expose(gap, flux, rng)
    number = start + np.arange(rows)
    atmosphere = number // config.rows_per_atmosphere
    truth = {**labels, "rv_kms": velocity, "snr": snr}
    return Sample(
        STELLAR,
        {
            "flux": flux[:rows].astype("float32"),
            "ivar": ivar[:rows].astype("float32"),
            "mask": mask[:rows],
        },
        {k: v[:rows].astype("float32") for k, v in truth.items()},
        {
            "id": np.array([f"sim-{seed}-{i}" for i in number]),
            "group": np.array([f"atmosphere-{seed}-{i}" for i in atmosphere]),
            "origin": np.full(rows, config.origin),
            "medium": np.full(rows, config.medium),
        },
        "simulated stars",
        {"wavelength_angstrom": config.wavelength},
    )


def draw_labels(config: StellarSimulation, rng) -> Labels:
    """Labels of a block of whole atmospheres, each `(row,)`."""
    each = config.rows_per_atmosphere
    draw = _draw_dwarfs if config.physics == "toy" else _draw_nodes
    atmospheres = {k: np.repeat(v, each) for k, v in draw(config, rng).items()}
    values = config.vsini_kms
    if len(values) == 2:
        vsini = np.exp(rng.uniform(*np.log(values), BLOCK * each))
    else:
        shuffled = [np.resize(rng.permutation(values), each) for _ in range(BLOCK)]
        vsini = np.concatenate(shuffled)
    return {**atmospheres, "vsini_kms": vsini}


def _draw_dwarfs(config: StellarSimulation, rng) -> Labels:
    teff = rng.uniform(*config.teff_kelvin, BLOCK)
    low, high = config.logg_dex
    # The main sequence: the highest gravities are those of 2750-3000 K.
    most = np.interp(teff, [2325, 2750, 3000, 4475], [low + 0.1, high, high, low + 0.1])
    return {
        "teff_kelvin": teff,
        "logg_dex": rng.uniform(low, most),
        "metallicity_dex": rng.uniform(*config.metallicity_dex, BLOCK),
    }


def _draw_nodes(config: StellarSimulation, rng) -> Labels:
    # Near labels of training spectra, where the polynomials do not extrapolate.
    limits = (config.teff_kelvin, config.logg_dex, config.metallicity_dex)
    low, high = np.transpose(limits)
    nodes = installed_cannon().nodes
    nodes = nodes[((nodes >= low) & (nodes <= high)).all(axis=1)]
    half_step = np.array([125.0, 0.25, 0.25])
    drawn = nodes[rng.integers(len(nodes), size=BLOCK)]
    drawn = np.clip(drawn + rng.uniform(-1, 1, drawn.shape) * half_step, low, high)
    return dict(
        zip(("teff_kelvin", "logg_dex", "metallicity_dex"), drawn.T, strict=True)
    )


def render(
    config: StellarSimulation, labels: Labels, *, velocity_kms: np.ndarray
) -> np.ndarray:
    """Noiseless normalised spectra as the instrument shows them.

    Args:
        config: Window, resolution and the gap's line errors.
        labels: As from `draw_labels`.
        velocity_kms: Shift of each, `(row,)`.

    Returns:
        `(row, pixel)` float64; 1 is the true continuum.
    """
    wide, margin, pixel_kms = _wide_grid(config)
    names = ("teff_kelvin", "logg_dex", "metallicity_dex")
    distinct, which = np.unique(
        np.stack([labels[k] for k in names], axis=1), axis=0, return_inverse=True
    )
    if config.physics == "toy":
        flux = stellar_atmosphere.spectrum(wide, *distinct.T)
    else:
        flux = _cannon_window(config).flux(distinct)
    flux = wrong_lines(config.gap, wide, flux)
    rows = len(which)
    flux = broaden(
        flux[which.ravel()],
        pixel_kms=pixel_kms,
        vsini_kms=labels["vsini_kms"],
        resolution=np.full(rows, config.resolution / (1 + config.gap.lsf_error)),
        velocity_kms=velocity_kms,
    )
    return flux[:, margin : margin + config.pixels]


def _wide_grid(config: StellarSimulation) -> tuple[np.ndarray, int, float]:
    grid = config.wavelength
    middle = len(grid) // 2
    pixel_kms = (grid[middle + 1] / grid[middle] - 1) * SPEED_OF_LIGHT_KMS
    margin = int(np.ceil(MARGIN_KMS / pixel_kms))
    steps = np.arange(-margin, len(grid) + margin)
    if config.physics == "toy":
        return grid[0] + steps * (grid[1] - grid[0]), margin, pixel_kms
    return grid[0] * (grid[1] / grid[0]) ** steps, margin, pixel_kms


def _cannon_window(config: StellarSimulation):
    return installed_cannon().window(_wide_grid(config)[0])

"""Strong lenses with known truth: draws parameters, traces rays, takes images.

Blocks of lenses have seeds of their own, so the rows depend on the seed alone and not
on how many processes made them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from keras_astro.data.parallel import in_order
from keras_astro.data.sample import Sample, concatenate
from keras_astro.data.schemas import LENSING
from keras_astro.simulate.lens_camera import add_noise, blur, jpeg_round_trip
from keras_astro.simulate.lens_config import LensingSimulation
from keras_astro.simulate.lens_deflection import (
    shear_deflection,
    sie_circle_mass,
    sie_deflection,
)
from keras_astro.simulate.lens_fields import (
    Subhalos,
    convergence_field,
    deflection_field,
)
from keras_astro.simulate.lens_light import sersic
from keras_astro.simulate.lens_subhalos import draw_masses

BLOCK = 64
# Images traced together: few enough that their fields stay in the cache.
TRACED = 8

Parameters = dict[str, np.ndarray]


def simulate(
    config: LensingSimulation,
    n: int,
    *,
    seed: int,
    jobs: int = 1,
    anomaly_fraction: float = 0.5,
) -> Sample:
    """Simulates lenses in memory; see `iter_simulate`.

    Example:
        >>> small = LensingSimulation(pixels=32, pixel_scale_arcsec=0.2)
        >>> sample = simulate(small, 4, seed=1)
        >>> sample.inputs["image"].shape, sample.targets["is_anomaly"].sum()
        ((4, 32, 32, 1), np.uint64(2))
    """
    options = {"seed": seed, "jobs": jobs, "anomaly_fraction": anomaly_fraction}
    return concatenate(list(iter_simulate(config, n, **options)))


def iter_simulate(
    config: LensingSimulation,
    n: int,
    *,
    seed: int,
    jobs: int = 1,
    anomaly_fraction: float = 0.5,
    skip: int = 0,
) -> Iterator[Sample]:
    """Simulates lenses block by block.

    Args:
        config: What is drawn.
        n: Number of lenses.
        seed: Same seed, same rows, whatever `jobs`.
        jobs: Processes.
        anomaly_fraction: Fraction of lenses with substructure, spread evenly.
        skip: Leading blocks that are done already.

    Yields:
        Samples of at most 64 lenses with images `(row, y, x, 1)` and all truth.
    """
    seeds = np.random.SeedSequence(seed).spawn(-(-n // BLOCK))
    edge = np.floor(np.arange(n + 1) * anomaly_fraction + 1e-9)
    anomalous = np.diff(edge).astype(bool)
    tasks = [
        (child, start, anomalous[start : start + BLOCK])
        for child, start in zip(seeds, range(0, n, BLOCK), strict=True)
    ]
    yield from in_order(partial(_block, config, seed), tasks, jobs=jobs, skip=skip)


def _block(config: LensingSimulation, seed: int, task) -> Sample:
    child, start, anomalous = task
    rng = np.random.default_rng(child)
    parameters = draw_parameters(config, len(anomalous), rng)
    subhalos = draw_subhalos(config, parameters, anomalous, rng)
    substructure = convergence_field(pixel_axis(config), subhalos)
    if config.mass_matched:
        parameters = give_up_mass(config, parameters, substructure)
    images = add_noise(
        render(config, parameters, subhalos=subhalos),
        rng,
        peak_counts=config.peak_counts,
        background_rms=config.background_rms,
    )
    if config.eight_bit_jpeg:
        images = jpeg_round_trip(images, quality=config.eight_bit_jpeg)
    names = np.array([f"sim-{seed}-{start + i}" for i in range(len(anomalous))])
    targets = {
        "is_anomaly": anomalous.astype("uint8"),
        "subhalo_mass_fraction": (
            subhalos.mass.sum(axis=1) / parameters["theta_E_arcsec"] ** 2
        ).astype("float32"),
        "substructure_map": substructure.astype("float32"),
        **{k: parameters[k].astype("float32") for k in MACRO},
    }
    return Sample(
        LENSING,
        {"image": images[..., None].astype("float32")},
        targets,
        {"id": names, "group": names},
        "simulated lenses",
    )


MACRO = ("theta_E_arcsec", "e1", "e2", "gamma1", "gamma2")


def pixel_axis(config: LensingSimulation) -> np.ndarray:
    """Pixel centres along one axis, in arcsec from the image's centre."""
    offset = np.arange(config.pixels) - (config.pixels - 1) / 2
    return offset * config.pixel_scale_arcsec


def draw_parameters(config: LensingSimulation, n: int, rng) -> Parameters:
    """Draws smooth lenses: mass, shear, source and lens light, each `(n,)`."""

    def uniform(limits):
        return rng.uniform(*limits, n)

    def direction(length, aligned):
        # A doubled angle: an ellipse turned by half a turn is the same ellipse.
        angle = np.zeros(n) if aligned else rng.uniform(0.0, 2 * np.pi, n)
        return length * np.cos(angle), length * np.sin(angle)

    e1, e2 = direction(uniform(config.ellipticity), config.aligned)
    gamma1, gamma2 = direction(uniform(config.shear), config.aligned)
    s1, s2 = direction(uniform(config.source_ellipticity), config.aligned)
    l1, l2 = direction(uniform(config.light_ellipticity), config.aligned)
    offset, angle = uniform(config.source_offset_arcsec), uniform((0.0, 2 * np.pi))
    theta_e = uniform(config.theta_E_arcsec)
    return {
        "theta_E_arcsec": theta_e,
        "host_theta_E_arcsec": theta_e,
        "e1": e1,
        "e2": e2,
        "gamma1": gamma1,
        "gamma2": gamma2,
        "source_x_arcsec": offset * np.cos(angle),
        "source_y_arcsec": offset * np.sin(angle),
        "source_radius_arcsec": uniform(config.source_radius_arcsec),
        "source_n": uniform(config.source_n),
        "source_e1": s1,
        "source_e2": s2,
        "source_amplitude": uniform(config.source_over_lens),
        "lens_radius_arcsec": uniform(config.lens_radius_arcsec),
        "lens_n": uniform(config.lens_n),
        "lens_e1": l1,
        "lens_e2": l2,
    }


def draw_subhalos(
    config: LensingSimulation, parameters: Parameters, anomalous: np.ndarray, rng
) -> Subhalos:
    """Draws subhalos for the anomalous lenses; the others get masses of zero."""
    n = len(anomalous)
    counts = np.maximum(rng.poisson(config.subhalo_count, n), 1) * anomalous
    most = int(max(counts.max(), 1))
    present = np.arange(most) < counts[:, None]
    mass = draw_masses(
        rng,
        (n, most),
        low=1.0,
        high=config.subhalo_mass_ratio,
        slope=config.subhalo_slope,
    )
    mass = mass * present
    fraction = rng.uniform(*config.subhalo_mass_fraction, n)
    total = fraction * parameters["theta_E_arcsec"] ** 2
    mass *= (total / np.maximum(mass.sum(axis=1), 1e-30))[:, None]
    radius = config.subhalo_field_arcsec * np.sqrt(rng.random((n, most)))
    angle = rng.uniform(0.0, 2 * np.pi, (n, most))
    # An isothermal halo holds its mass within 0.3 arcsec at 1 % of the lens' mass.
    scale = 0.3 * np.cbrt(np.maximum(mass, 1e-12) / 0.01)
    return Subhalos(
        kind=config.subhalo_kind,
        x=radius * np.cos(angle),
        y=radius * np.sin(angle),
        mass=mass,
        scale=scale,
    )


def give_up_mass(
    config: LensingSimulation, parameters: Parameters, substructure: np.ndarray
) -> Parameters:
    """Lowers each host so that the mass within theta_E is what it would be alone.

    An ellipsoid of Einstein radius b holds b R c(e) within a circle of radius R, so
    with subhalo mass m inside of R = theta_E the host gets b = theta_E - m / (R c).
    """
    axis = pixel_axis(config)
    radius = np.hypot(axis[:, None], axis)
    theta_e = parameters["theta_E_arcsec"]
    inside = radius < theta_e[:, None, None]
    area = config.pixel_scale_arcsec**2
    mass = (substructure * inside).sum(axis=(1, 2)) * area / np.pi
    circle = theta_e * sie_circle_mass(parameters["e1"], parameters["e2"])
    return parameters | {"host_theta_E_arcsec": theta_e - mass / circle}


def render(
    config: LensingSimulation,
    parameters: Parameters,
    *,
    subhalos: Subhalos | None = None,
) -> np.ndarray:
    """Noiseless images of lenses, blurred by the point-spread function.

    Args:
        config: Grid and point-spread function.
        parameters: As from `draw_parameters`.
        subhalos: As from `draw_subhalos`; None for smooth lenses.

    Returns:
        `(batch, y, x)` float32; the lens' light is 1 at its effective radius.
    """
    n = len(parameters["theta_E_arcsec"])
    axis = pixel_axis(config)
    images = np.empty((n, len(axis), len(axis)), "float32")
    fwhm = config.psf_fwhm_arcsec / config.pixel_scale_arcsec
    for start in range(0, n, TRACED):
        chosen = slice(start, start + TRACED)
        part = {
            k: v[chosen, None, None].astype("float32") for k, v in parameters.items()
        }
        bend = None
        if subhalos is not None and subhalos.mass[chosen].any():
            bend = deflection_field(axis, subhalos.take(chosen))
        sharp = _trace(axis.astype("float32"), part, bend)
        images[chosen] = blur(sharp, fwhm_pixels=fwhm, beta=config.psf_beta)
    return images


def _trace(axis, p: Parameters, bend) -> np.ndarray:
    x, y = axis[None, None, :], axis[None, :, None]
    # The lens is centred: one half of the rows holds the other one too.
    half = y[:, : (axis.size + 1) // 2]
    mass = {"theta_E": p["host_theta_E_arcsec"], "e1": p["e1"], "e2": p["e2"]}
    alpha_x, alpha_y = (_other_half(a, -1) for a in sie_deflection(x, half, **mass))
    shear_x, shear_y = shear_deflection(x, y, gamma1=p["gamma1"], gamma2=p["gamma2"])
    beta_x = np.subtract(x - p["source_x_arcsec"] - shear_x, alpha_x, out=alpha_x)
    beta_y = np.subtract(y - p["source_y_arcsec"] - shear_y, alpha_y, out=alpha_y)
    if bend is not None:
        beta_x -= bend[0]
        beta_y -= bend[1]
    light = sersic(
        x,
        half,
        amplitude=np.float32(1.0),
        radius=p["lens_radius_arcsec"],
        n=p["lens_n"],
        e1=p["lens_e1"],
        e2=p["lens_e2"],
    )
    source = sersic(
        beta_x,
        beta_y,
        amplitude=p["source_amplitude"],
        radius=p["source_radius_arcsec"],
        n=p["source_n"],
        e1=p["source_e1"],
        e2=p["source_e2"],
    )
    source += _other_half(light, 1)
    return source


def _other_half(rows: np.ndarray, sign: int) -> np.ndarray:
    """A square field from its first rows, times `sign` where turned by half a turn."""
    batch, count, side = rows.shape
    field = np.empty((batch, side, side), rows.dtype)
    field[:, :count] = rows
    np.multiply(rows[:, : side - count][:, ::-1, ::-1], sign, out=field[:, count:])
    return field

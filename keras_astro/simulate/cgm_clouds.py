"""Which clouds a sightline meets: their gas, their motion, and its distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_astro.simulate.cgm_config import CgmSimulation
from keras_astro.simulate.cgm_ionisation import IONS, log_ion_columns
from keras_astro.simulate.cgm_lines import mass

# Thermal b^2 in (km/s)^2 for each kelvin over atomic weight: 2 k / u.
THERMAL = 0.016629

# Werk et al. 2014, ApJ 792, 8: density at the virial radius, slope and scatter.
HALO_LOG_DENSITY, HALO_SLOPE, HALO_SCATTER = -4.2, -0.8, 0.3
VIRIAL_KPC = 300.0
FARTHEST_KPC = 160.0
NEAREST_KPC = 10.0
# Clouds of a galaxy's disc and its surroundings: dense, cool, mostly neutral.
DISC_CLOUDS = (1, 3)
DISC_LOG_HYDROGEN = (17.5, 21.0)
DISC_LOG_DENSITY = (-3.5, -0.5)
DISC_LOG_TEMPERATURE = (3.8, 4.4)
DISC_VELOCITY_SD_KMS = 60.0


@dataclass
class Gas:
    """Physical state of the clouds of some sightlines.

    Args:
        present: Whether a cloud is there, `(row, cloud)`.
        log_hydrogen: Log10 of the hydrogen column in cm^-2, `(row, cloud)`.
        log_density: Log10 of the hydrogen density in cm^-3, `(row, cloud)`.
        metallicity: Log10 of metals over solar, `(row, cloud)`.
        log_temperature: Log10 of the temperature in K, `(row, cloud)`.
        velocity_kms: Relative to the system's redshift, `(row, cloud)`.
        turbulence_kms: Doppler parameter without its thermal part, `(row, cloud)`.
        impact_kpc: Distance of the sightline from the galaxy, `(row,)`; None where
            clouds know of no galaxy.
    """

    present: np.ndarray
    log_hydrogen: np.ndarray
    log_density: np.ndarray
    metallicity: np.ndarray
    log_temperature: np.ndarray
    velocity_kms: np.ndarray
    turbulence_kms: np.ndarray
    impact_kpc: np.ndarray | None = None

    def log_columns(self) -> np.ndarray:
        """Log10 column of each ion in cm^-2, `(row, cloud, ion)`; -inf: no cloud."""
        columns = log_ion_columns(
            self.log_hydrogen, self.log_density, self.metallicity, self.log_temperature
        )
        return np.where(self.present[..., None], columns, -np.inf)

    def widths_kms(self) -> np.ndarray:
        """Doppler parameter of each ion, `(row, cloud, ion)`."""
        masses = np.array([mass(ion) for ion in IONS])
        thermal = THERMAL * 10.0 ** self.log_temperature[..., None] / masses
        return np.sqrt(thermal + self.turbulence_kms[..., None] ** 2)


def draw_gas(config: CgmSimulation, n: int, rng: np.random.Generator) -> Gas:
    """Draws the clouds of `n` sightlines."""
    fewest, most = config.clouds
    extra = DISC_CLOUDS[1] if config.disc_fraction is not None else 0
    shape = (n, most + extra)
    count = rng.integers(fewest, most, n, endpoint=True)
    gas = Gas(
        present=np.arange(most + extra) < count[:, None],
        log_hydrogen=rng.uniform(*config.log_hydrogen, shape),
        log_density=rng.uniform(*config.log_density, shape),
        metallicity=rng.uniform(*config.metallicity, (n, 1)) * np.ones(shape),
        log_temperature=rng.uniform(*config.log_temperature, shape),
        velocity_kms=rng.normal(0.0, config.velocity_sd_kms, shape),
        turbulence_kms=rng.uniform(*config.turbulence_kms, shape),
    )
    if extra:
        _place_galaxy(config, gas, most, rng)
    return gas


def _place_galaxy(config: CgmSimulation, gas: Gas, most: int, rng) -> None:
    """Halo density falls with distance; sightlines at distance 0 cross the disc."""
    n = len(gas.present)
    area = rng.uniform((NEAREST_KPC / FARTHEST_KPC) ** 2, 1.0, n)
    through = rng.random(n) < config.disc_fraction
    gas.impact_kpc = np.where(through, 0.0, FARTHEST_KPC * np.sqrt(area))
    distance = np.maximum(gas.impact_kpc, NEAREST_KPC)[:, None]
    mean = HALO_LOG_DENSITY + HALO_SLOPE * np.log10(distance / VIRIAL_KPC)
    gas.log_density[:] = mean + rng.normal(0.0, HALO_SCATTER, gas.present.shape)
    shape = (n, gas.present.shape[1] - most)
    disc = slice(most, None)
    count = rng.integers(*DISC_CLOUDS, n, endpoint=True)
    gas.present[:, disc] = (np.arange(shape[1]) < count[:, None]) & through[:, None]
    gas.log_hydrogen[:, disc] = rng.uniform(*DISC_LOG_HYDROGEN, shape)
    gas.log_density[:, disc] = rng.uniform(*DISC_LOG_DENSITY, shape)
    gas.log_temperature[:, disc] = rng.uniform(*DISC_LOG_TEMPERATURE, shape)
    gas.velocity_kms[:, disc] = rng.normal(0.0, DISC_VELOCITY_SD_KMS, shape)

"""What stars are drawn and how they are looked at: presets of the stellar simulator."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from keras_astro.errors import ConfigError
from keras_astro.simulate.spectral_gap import SpectralGap

Range = tuple[float, float]

# Rotation velocities of the published grid of M-dwarf spectra, km/s.
PUBLISHED_VSINI = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0)


@dataclass(frozen=True)
class StellarSimulation:
    """Priors of the stellar simulator; ranges are uniform.

    Args:
        physics: `toy` for the Milne-Eddington layer of M dwarfs, which is good for
            tests and demonstrations alone, or `cannon` for F, G and K stars.
        window_angstrom: First and last wavelength; vacuum for `toy`, air for `cannon`.
        pixels: Number of pixels.
        resolution: Wavelength over the FWHM of the line-spread function.
        teff_kelvin: Effective temperatures.
        logg_dex: Surface gravities.
        metallicity_dex: [M/H].
        vsini_kms: Values that a star's rotation is drawn from, or a range of which the
            logarithm is uniform when there are two.
        rows_per_atmosphere: Spectra of one atmosphere, with different rotation; splits
            keep them together.
        gap: What makes the spectra unlike clean synthetic ones.

    Example:
        >>> StellarSimulation.preset("m-dwarf").pixels
        3501
    """

    physics: str = "toy"
    window_angstrom: Range = (8800.0, 8835.0)
    pixels: int = 3501
    resolution: float = 94600.0
    teff_kelvin: Range = (2325.0, 4475.0)
    logg_dex: Range = (4.7, 5.3)
    metallicity_dex: Range = (-1.0, 0.6)
    vsini_kms: tuple[float, ...] = (1.5, 30.0)
    rows_per_atmosphere: int = 4
    gap: SpectralGap = SpectralGap.preset("noisy")

    @classmethod
    def preset(cls, name: str) -> StellarSimulation:
        """A named recipe, one of `PRESETS`.

        Raises:
            ConfigError: If there is no such preset.
        """
        if name not in PRESETS:
            raise ConfigError(
                f"simulation.preset = {name}: expected one of {', '.join(PRESETS)}",
                hint="Use m-dwarf, a toy, or cannon, which needs keras-astro[stellar].",
            )
        return cls(**PRESETS[name])

    def replace(self, **changes) -> StellarSimulation:
        """The same recipe with some settings replaced."""
        return dataclasses.replace(self, **changes)

    @property
    def wavelength(self) -> np.ndarray:
        """Pixel centres in angstrom, `(pixel,)`.

        Evenly spaced for the narrow `toy` window, as the published grid is; of even
        width in velocity for the wide ones.
        """
        first, last = self.window_angstrom
        if self.physics == "toy":
            return np.linspace(first, last, self.pixels)
        return np.geomspace(first, last, self.pixels)

    @property
    def medium(self) -> str:
        """Whether wavelengths are those in `vacuum` or in `air`."""
        return "vacuum" if self.physics == "toy" else "air"

    @property
    def origin(self) -> str:
        """One line on what the spectra are, stored with each of them."""
        if self.physics == "toy":
            return "toy simulation of M dwarfs: no source of published parameters"
        return "Cannon model of F, G and K stars, installed with thedoppler"


_CANNON = {
    "physics": "cannon",
    "resolution": 20000.0,
    "teff_kelvin": (4000.0, 6500.0),
    "logg_dex": (1.0, 5.0),
    "metallicity_dex": (-2.0, 0.5),
    "vsini_kms": (3.0, 30.0),
}

PRESETS: dict[str, dict] = {
    "m-dwarf": {},
    # Thirteen rotations of each atmosphere, as the grid of Mas-Buitrago et al. 2024.
    "m-dwarf-grid": {"vsini_kms": PUBLISHED_VSINI, "rows_per_atmosphere": 13},
    "cannon": {**_CANNON, "window_angstrom": (5100.0, 5450.0)},
    "cannon-6100": {**_CANNON, "window_angstrom": (6100.0, 6450.0)},
    "cannon-8400": {**_CANNON, "window_angstrom": (8400.0, 8750.0)},
}

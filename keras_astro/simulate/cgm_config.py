"""What absorption spectra are drawn: every prior by name and unit, and presets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from keras_astro.errors import ConfigError

Range = tuple[float, float]

# The strongest transitions of warm and cool halo gas between 1200 and 1900 angstrom.
NINE_LINES = (
    "H I 1215",
    "H I 1025",
    "O VI 1031",
    "O VI 1037",
    "C IV 1548",
    "C IV 1550",
    "Si IV 1393",
    "Si IV 1402",
    "Si III 1206",
)
LOW_IONS = (
    "Si II 1190",
    "Si II 1193",
    "Si II 1260",
    "Si II 1304",
    "Si II 1526",
    "C II 1036",
    "C II 1334",
    "C III 977",
    "N V 1238",
    "N V 1242",
    "O I 1302",
    "Fe II 1608",
)


@dataclass(frozen=True)
class CgmSimulation:
    """Priors of the absorption simulator; ranges are uniform.

    Args:
        pixels: Number of pixels.
        first_angstrom: Centre of the first pixel.
        pixel_angstrom: Width of a pixel.
        redshift: Of the absorbing system.
        lines: Names of the lines, as in `cgm_lines`.
        lyman_series: Whether all of the Lyman series and its limit absorb.
        clouds: Fewest and most clouds of a sightline, all as likely.
        log_hydrogen: Log10 of a cloud's hydrogen column in cm^-2.
        log_density: Log10 of its hydrogen density in cm^-3.
        metallicity: Log10 of metals over solar, one value a sightline.
        log_temperature: Log10 of its temperature in K.
        velocity_sd_kms: Spread of velocities about the redshift.
        turbulence_kms: Doppler parameter without its thermal part.
        disc_fraction: Fraction of sightlines through the galaxy itself, with dense
            neutral clouds; None for clouds that do not know how far the galaxy is.
        fwhm_kms: Full width of the Gaussian line-spread function.
        kernel: Tabulated line-spread function instead: velocities and values.
        noise: Standard deviation in units of the continuum; flux is then cut at 0.
    """

    pixels: int = 10_000
    first_angstrom: float = 1200.0
    pixel_angstrom: float = 0.07
    redshift: float = 0.2
    lines: tuple[str, ...] = NINE_LINES
    lyman_series: bool = False
    clouds: tuple[int, int] = (1, 1)
    log_hydrogen: Range = (18.0, 20.5)
    log_density: Range = (-4.5, -1.5)
    metallicity: Range = (-1.8, 0.3)
    log_temperature: Range = (4.0, 5.6)
    velocity_sd_kms: float = 90.0
    turbulence_kms: Range = (6.0, 45.0)
    disc_fraction: float | None = None
    fwhm_kms: float = 18.0
    kernel: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    noise: float = 0.0

    @classmethod
    def preset(cls, name: str) -> CgmSimulation:
        """A named recipe: `single-cloud`, `multi-cloud` or `challenge-like`.

        Raises:
            ConfigError: If there is no such preset.

        Example:
            >>> CgmSimulation.preset("challenge-like").pixels
            39974
        """
        if name not in PRESETS:
            raise ConfigError(
                f"simulation.preset = {name}: expected one of {', '.join(PRESETS)}",
                hint="Use --set simulation.preset=single-cloud, the default.",
            )
        return cls(**PRESETS[name])

    def replace(self, **changes) -> CgmSimulation:
        """A copy with other values."""
        return dataclasses.replace(self, **changes)

    @property
    def wavelength_angstrom(self) -> np.ndarray:
        """Pixel centres as observed, `(pixel,)`."""
        return self.first_angstrom + self.pixel_angstrom * np.arange(self.pixels)


PRESETS = {
    # Six numbers make each spectrum: a perfect model needs six latents, no more.
    "single-cloud": {},
    # One metallicity and five numbers a cloud: no six numbers hold them all.
    "multi-cloud": {"clouds": (1, 4)},
    # The grid, noise and two populations of the challenge's published figures.
    "challenge-like": {
        "pixels": 39_974,
        "first_angstrom": 900.01,
        "pixel_angstrom": 0.03,
        "lines": NINE_LINES[2:] + LOW_IONS,
        "lyman_series": True,
        "clouds": (1, 3),
        "disc_fraction": 1 / 3,
        "noise": 0.0316,
    },
}

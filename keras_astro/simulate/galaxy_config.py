"""What galaxies are drawn: every prior by name and unit, and named presets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from keras_astro.errors import ConfigError

Range = tuple[float, float]

# The parameters that are measured, in the order of every array of them.
PARAMETERS = ("flux", "sersic_n", "half_light_radius_arcsec", "g1", "g2")


@dataclass(frozen=True)
class GalaxySimulation:
    """Priors of the galaxy simulator; ranges are uniform.

    The index is drawn first, and everything else is drawn again until the signal to
    noise is within its limits: the index stays uniform, flux and radius do not.

    Args:
        pixels: Side of an image.
        pixel_scale_arcsec: Side of a pixel.
        flux: Total flux in electrons.
        sersic_n: Sersic index.
        half_light_radius_arcsec: Radius sqrt(a b) of half of the light.
        shear: Length of the reduced shear; its direction is free.
        psf_fwhm_arcsec: FWHM of the Moffat point-spread function of beta 2.
        noise_sigma: Standard deviation of the sky in a pixel, in electrons.
        snr: Root of the sum of the squared signal over `noise_sigma`.
    """

    pixels: int = 64
    pixel_scale_arcsec: float = 0.23
    flux: Range = (0.3e5, 4e5)
    sersic_n: Range = (0.5, 6.0)
    half_light_radius_arcsec: Range = (0.1, 0.6)
    shear: Range = (0.0, 0.67)
    psf_fwhm_arcsec: Range = (0.5, 1.0)
    noise_sigma: Range = (200.0, 400.0)
    snr: Range = (10.0, 100.0)

    @classmethod
    def preset(cls, name: str) -> GalaxySimulation:
        """A named recipe: `v1`, `v2` or `v3`.

        `v1` has one PSF and one noise level, `v2` noise that varies, `v3` both.

        Raises:
            ConfigError: If there is no such preset.

        Example:
            >>> GalaxySimulation.preset("v1").noise_sigma
            (200.0, 200.0)
        """
        if name not in PRESETS:
            raise ConfigError(
                f"simulation.preset = {name}: expected one of {', '.join(PRESETS)}",
                hint="Use --set simulation.preset=v3, the default.",
            )
        return cls(**PRESETS[name])

    @property
    def box(self) -> dict[str, Range]:
        """Limits of the measured parameters by name."""
        largest = (-self.shear[1], self.shear[1])
        return {
            "flux": self.flux,
            "sersic_n": self.sersic_n,
            "half_light_radius_arcsec": self.half_light_radius_arcsec,
            "g1": largest,
            "g2": largest,
        }

    def replace(self, **changes) -> GalaxySimulation:
        """A copy with other values."""
        return replace(self, **changes)


PRESETS: dict[str, dict[str, Range]] = {
    "v1": {"psf_fwhm_arcsec": (0.5, 0.5), "noise_sigma": (200.0, 200.0)},
    "v2": {"psf_fwhm_arcsec": (0.5, 0.5)},
    "v3": {},
}


def prior_box() -> dict[str, Range]:
    """Limits of the measured parameters by name, the same for all presets.

    Example:
        >>> prior_box()["sersic_n"]
        (0.5, 6.0)
    """
    return GalaxySimulation().box

"""What lenses are drawn: every prior by name and unit, and named presets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from keras_astro.errors import ConfigError

Range = tuple[float, float]


@dataclass(frozen=True)
class LensingSimulation:
    """Priors of the lens simulator; ranges are uniform, angles are in arcsec.

    Args:
        pixels: Side of an image.
        pixel_scale_arcsec: Side of a pixel.
        theta_E_arcsec: Macro Einstein radius.
        ellipticity: Length of the mass' ellipticity (1 - q) / (1 + q).
        light_ellipticity: The same of the lens' light.
        shear: Length of the external shear.
        aligned: Whether ellipticities and shear point along x, as in the published
            sets.
        source_offset_arcsec: Distance of the source from the optical axis.
        source_radius_arcsec: Effective radius of the source.
        source_n: Its Sersic index.
        source_ellipticity: Length of its ellipticity.
        lens_radius_arcsec: Effective radius of the lens' light.
        lens_n: Its Sersic index.
        source_over_lens: Ratio of the amplitudes at the effective radii.
        psf_fwhm_arcsec: FWHM of the point-spread function.
        psf_beta: Moffat beta; 0 for a Gaussian.
        peak_counts: Photons in the brightest pixel; 0 for no Poisson noise.
        background_rms: Gaussian noise over the brightest pixel.
        subhalo_kind: `sis`, `point` or `tnfw`.
        subhalo_count: Mean of the Poisson number of subhalos.
        subhalo_mass_fraction: Mass in subhalos over theta_E squared.
        subhalo_mass_ratio: Largest over smallest mass of the mass function.
        subhalo_slope: Slope of dN/dm.
        subhalo_field_arcsec: Radius of the disc in which subhalos fall.
        mass_matched: Whether the host gives up the subhalos' mass, so that the total
            mass inside the ring has one distribution in both classes. The published
            sets add it, and a ring that is too large gives their anomalies away.
        eight_bit_jpeg: Quality of an 8-bit JPEG round trip; 0 for none.
    """

    pixels: int = 64
    pixel_scale_arcsec: float = 0.1
    theta_E_arcsec: Range = (0.98, 1.02)
    ellipticity: Range = (0.0, 0.25)
    light_ellipticity: Range = (0.0, 0.25)
    shear: Range = (0.0, 0.2)
    aligned: bool = True
    source_offset_arcsec: Range = (0.0, 0.8)
    source_radius_arcsec: Range = (0.3, 0.4)
    source_n: Range = (1.0, 1.3)
    source_ellipticity: Range = (0.0, 0.0)
    lens_radius_arcsec: Range = (0.35, 0.45)
    lens_n: Range = (1.4, 1.7)
    source_over_lens: Range = (0.6, 1.1)
    psf_fwhm_arcsec: float = 0.15
    psf_beta: float = 0.0
    peak_counts: float = 2000.0
    background_rms: float = 0.005
    subhalo_kind: str = "sis"
    subhalo_count: float = 25.0
    subhalo_mass_fraction: Range = (0.03, 0.15)
    subhalo_mass_ratio: float = 1e3
    subhalo_slope: float = -1.9
    subhalo_field_arcsec: float = 1.5
    mass_matched: bool = False
    eight_bit_jpeg: int = 0

    @classmethod
    def preset(cls, name: str) -> LensingSimulation:
        """A named recipe: `default`, `mass_matched`, `mass_matched_faint`, `slc`.

        Raises:
            ConfigError: If there is no such preset.

        Example:
            >>> LensingSimulation.preset("mass_matched").mass_matched
            True
        """
        if name not in PRESETS:
            raise ConfigError(
                f"simulation.preset or physics.preset = {name}: expected one of "
                f"{', '.join(PRESETS)}",
                hint="Use default, or slc for lenses as in the challenge images.",
            )
        return cls(**PRESETS[name])

    def widened(self, *, theta_E_arcsec: Range) -> LensingSimulation:
        """The same lenses over wider ranges, to learn from beyond what is expected.

        Every range grows by a tenth of its width and 8 % of its upper end on both
        sides, down to 0 at most.

        Args:
            theta_E_arcsec: Einstein radii instead of the widened ones.

        Example:
            >>> prior = LensingSimulation().widened(theta_E_arcsec=(0.5, 1.5))
            >>> round(prior.shear[1], 3)
            0.236
        """
        wide = {}
        for name in DRAWN:
            low, high = getattr(self, name)
            pad = 0.1 * (high - low) + 0.08 * high
            wide[name] = (max(low - pad, 0.0), high + pad)
        return self.replace(**wide | {"theta_E_arcsec": theta_E_arcsec})

    def replace(self, **changes) -> LensingSimulation:
        """A copy with other values."""
        return dataclasses.replace(self, **changes)


# The ranges of smooth lenses.
DRAWN = (
    "ellipticity",
    "light_ellipticity",
    "shear",
    "source_offset_arcsec",
    "source_radius_arcsec",
    "source_n",
    "source_ellipticity",
    "lens_radius_arcsec",
    "lens_n",
    "source_over_lens",
)

PRESETS = {
    # Small, fast, bright: the substructure adds mass, as in the published sets.
    "default": {},
    # Honest and hard: only the shape of the arcs tells, radii vary and are the same.
    "mass_matched": {
        "theta_E_arcsec": (0.9, 1.2),
        "mass_matched": True,
        "subhalo_mass_fraction": (0.05, 0.15),
    },
    # The same with ten times less substructure, about what cold dark matter predicts.
    "mass_matched_faint": {
        "theta_E_arcsec": (0.9, 1.2),
        "mass_matched": True,
        "subhalo_mass_fraction": (0.005, 0.015),
    },
    # As measured on the challenge images by free lens-model fits.
    "slc": {
        "pixels": 150,
        "pixel_scale_arcsec": 0.05,
        "theta_E_arcsec": (0.99, 1.01),
        "ellipticity": (0.0, 0.02),
        "light_ellipticity": (0.0, 0.3),
        "shear": (0.0, 0.3),
        "source_offset_arcsec": (0.0, 1.0),
        "source_radius_arcsec": (0.365, 0.395),
        "source_n": (1.2, 1.3),
        "source_ellipticity": (0.0, 0.15),
        "lens_radius_arcsec": (0.365, 0.39),
        "lens_n": (1.88, 1.98),
        "source_over_lens": (0.45, 0.95),
        "psf_fwhm_arcsec": 0.118,
        "peak_counts": 0.0,
        "background_rms": 0.0015,
        "subhalo_mass_fraction": (0.15, 0.17),
        "eight_bit_jpeg": 75,
    },
}

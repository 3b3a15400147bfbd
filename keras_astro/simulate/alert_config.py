"""What the alert simulator draws: the camera, the sky and the classes, by name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from keras_astro.data.alert_schema import CLASSES

Range = tuple[float, float]

# Shares of the kinds of bogus alerts.
BOGUS_KINDS = {
    "dipole": 0.18,
    "bright_star": 0.22,
    "cosmic_ray": 0.15,
    "saturated_core": 0.11,
    "beside_mask": 0.10,
    "bad_column": 0.06,
    "noise_peak": 0.05,
    "ghost": 0.03,
    "edge_strip": 0.05,
    "satellite_glint": 0.05,
}


@dataclass(frozen=True)
class Camera:
    """ZTF's camera and processing, measured on 2,369 public alerts unless noted.

    Args:
        pixels: Side of a stamp.
        pixel_scale_arcsec: Side of a pixel.
        zero_point_mag: Magnitude of 1 DN in an exposure; mean and sd.
        gain_electrons: Electrons a DN, from the survey's documentation.
        saturation_dn: Where the brightest cores stop to grow; uniform.
        background_dn: Sky level; median and sd of its logarithm.
        excess_noise: Pixel noise over that of the sky alone; uniform.
        template_noise: Noise of the template over that of the science image; uniform.
        science_fwhm_pixels: Seeing; median and sd of its logarithm.
        template_fwhm_pixels: The same of the template.
        misregistration_pixels: Rms offset of the template on each axis.
        psf_mismatch: Rms relative error of the seeing that subtraction assumes.
        moffat_beta: Shape of the point-spread function, from stars in 178 alerts.
        masked_fraction: Share of stamps with an invalid strip or blotch.
    """

    pixels: int = 63
    pixel_scale_arcsec: float = 1.012
    zero_point_mag: Range = (26.23, 0.12)
    gain_electrons: float = 6.2
    saturation_dn: Range = (18_000.0, 45_000.0)
    background_dn: Range = (129.0, 0.65)
    excess_noise: Range = (1.1, 1.6)
    template_noise: Range = (0.08, 0.35)
    science_fwhm_pixels: Range = (2.25, 0.3)
    template_fwhm_pixels: Range = (2.0, 0.11)
    misregistration_pixels: float = 0.06
    psf_mismatch: float = 0.01
    moffat_beta: float = 2.5
    masked_fraction: float = 0.1


@dataclass(frozen=True)
class AlertSimulation:
    """Priors of the alert simulator.

    Args:
        camera: Image formation.
        shares: Share of each class; balanced by default.
        bogus: Shares of the kinds of bogus alerts.
        hostless_fraction: Supernovae without a visible host.
        positive: Share of alerts that are brighter than the template, by class.
        trailed_fraction: Asteroids that move by more than 2 pixels in an exposure.
        blazar_fraction: Active nuclei without a visible host.
        max_alerts: Most alerts of one object; with 1, every alert is of another.
    """

    camera: Camera = field(default_factory=Camera)
    shares: dict[str, float] = field(
        default_factory=lambda: {name: 1 / len(CLASSES) for name in CLASSES}
    )
    bogus: dict[str, float] = field(default_factory=lambda: dict(BOGUS_KINDS))
    hostless_fraction: float = 0.07
    positive: dict[str, float] = field(
        default_factory=lambda: {
            "SN": 0.9,
            "AGN": 0.56,
            "VS": 0.45,
            "asteroid": 1.0,
            "bogus": 0.45,
        }
    )
    trailed_fraction: float = 0.04
    blazar_fraction: float = 0.6
    max_alerts: int = 1

    def replace(self, **changes) -> AlertSimulation:
        """A copy with other values."""
        return dataclasses.replace(self, **changes)

"""Masses of lenses as angles: a flat universe with matter and dark energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LIGHT_SPEED_KM_S = 299792.458
GRAVITY_MPC_KM2_S2_MSUN = 4.30091727e-9
ARCSEC = np.pi / 180 / 3600


@dataclass(frozen=True)
class LensGeometry:
    """Distances of one lens and one source.

    Args:
        lens_redshift: Redshift of the lens.
        source_redshift: Redshift of the source, beyond the lens.
        hubble_km_s_mpc: Hubble constant.
        matter_density: Matter density over the critical density, today.

    Example:
        >>> geometry = LensGeometry(0.5, 1.0)
        >>> bool(3e11 < geometry.solar_masses_per_arcsec2 < 4e11)
        True
    """

    lens_redshift: float
    source_redshift: float
    hubble_km_s_mpc: float = 70.0
    matter_density: float = 0.3

    def comoving_mpc(self, redshift: float) -> float:
        """Comoving distance to a redshift, in Mpc."""
        nodes, weights = np.polynomial.legendre.leggauss(32)
        z = 0.5 * redshift * (nodes + 1)
        integral = 0.5 * redshift * np.sum(weights / self._expansion(z))
        return float(LIGHT_SPEED_KM_S / self.hubble_km_s_mpc * integral)

    @property
    def solar_masses_per_arcsec2(self) -> float:
        """Mass inside an Einstein radius of 1 arcsec: c^2 D_l D_s / (4 G D_ls)."""
        lens = self.comoving_mpc(self.lens_redshift)
        source = self.comoving_mpc(self.source_redshift)
        distance = lens * source / (source - lens) / (1 + self.lens_redshift)
        return float(
            LIGHT_SPEED_KM_S**2 * distance * ARCSEC**2 / (4 * GRAVITY_MPC_KM2_S2_MSUN)
        )

    def halo_radius_arcsec(self, mass_msun: np.ndarray) -> np.ndarray:
        """Radius within which a halo has 200 times the critical density at the lens."""
        hubble = self.hubble_km_s_mpc * self._expansion(self.lens_redshift)
        density = 3 * hubble**2 / (8 * np.pi * GRAVITY_MPC_KM2_S2_MSUN)
        radius_mpc = np.cbrt(3 * mass_msun / (4 * np.pi * 200 * density))
        distance = self.comoving_mpc(self.lens_redshift) / (1 + self.lens_redshift)
        return radius_mpc / distance / ARCSEC

    def _expansion(self, z):
        return np.sqrt(self.matter_density * (1 + z) ** 3 + 1 - self.matter_density)

"""What separates real spectra from synthetic ones, one switch each.

The line errors and the resolution belong to a line list and an instrument: they are the
same for all spectra of one gap. The rest differs from exposure to exposure.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from keras_astro.errors import ConfigError

SPEED_OF_LIGHT_KMS = 299792.458

# Real exposures as a spectroscopist would call ordinary.
OBSERVED = {
    "line_strength": 0.08,
    "line_errors": 0.15,
    "continuum_tilt": 0.02,
    "fringes": 0.01,
    "rv_residual_kms": 0.3,
    "lsf_error": 0.05,
    "tellurics": 0.1,
    "bad_pixels": 0.003,
    "snr": (50.0, 150.0),
}


@dataclass(frozen=True)
class SpectralGap:
    """Strength of each difference between clean synthetic and observed spectra.

    Args:
        line_strength: Relative excess of all line depths.
        line_errors: Relative sd of the depth of single lines, the same in all spectra.
        continuum_tilt: Largest slope of the continuum from one end to the other.
        fringes: Largest amplitude of interference fringes.
        rv_residual_kms: Sd of the velocity left after the correction to rest.
        lsf_error: Relative excess of the width of the line-spread function.
        tellurics: Mean depth of the deepest telluric line left over.
        bad_pixels: Fraction of pixels that are dead or hot; they are masked.
        snr: Range of the signal-to-noise ratio a pixel; (0, 0) for no noise.
        seed: Seed of the line errors and of the telluric lines.

    Example:
        >>> gap = SpectralGap.preset("clean").replace(rv_residual_kms=0.5)
        >>> gap.rv_residual_kms, gap.fringes
        (0.5, 0.0)
    """

    line_strength: float = 0.0
    line_errors: float = 0.0
    continuum_tilt: float = 0.0
    fringes: float = 0.0
    rv_residual_kms: float = 0.0
    lsf_error: float = 0.0
    tellurics: float = 0.0
    bad_pixels: float = 0.0
    snr: tuple[float, float] = (0.0, 0.0)
    seed: int = 0

    @classmethod
    def preset(cls, name: str) -> SpectralGap:
        """`clean` (all off), `noisy` (photon noise alone) or `observed` (all on).

        Raises:
            ConfigError: If there is no such preset.
        """
        presets = {
            "clean": {},
            "noisy": {"snr": OBSERVED["snr"]},
            "observed": OBSERVED,
        }
        if name not in presets:
            raise ConfigError(
                f"simulation.gap = {name}: expected one of {', '.join(presets)}",
                hint="Use --set simulation.gap=noisy, the default, or observed for "
                "all of it.",
            )
        return cls(**presets[name])

    def replace(self, **changes) -> SpectralGap:
        """The same gap with some switches set otherwise."""
        return dataclasses.replace(self, **changes)


def wrong_lines(gap: SpectralGap, wavelength: np.ndarray, flux: np.ndarray):
    """Scales the depths of lines, before any broadening.

    The relative error is a smooth random curve of wavelength that changes over 30 km/s,
    so neighbouring lines differ.

    Args:
        gap: Its `line_strength` and `line_errors` count.
        wavelength: In angstrom, `(pixel,)`.
        flux: Normalised to the continuum, `(row, pixel)`.

    Returns:
        Flux of the same shape.
    """
    if not (gap.line_strength or gap.line_errors):
        return flux
    step = wavelength[0] * 30.0 / SPEED_OF_LIGHT_KMS
    knots = np.arange(wavelength[0], wavelength[-1] + step, step)
    error = np.random.default_rng([gap.seed, 1]).standard_normal(len(knots))
    # Between knots, the average of two draws varies less than one: 2/3 on average.
    curve = np.interp(wavelength, knots, error) * np.sqrt(1.5)
    return 1 - (1 - flux) * (1 + gap.line_strength) * np.exp(gap.line_errors * curve)


def distort(gap: SpectralGap, wavelength: np.ndarray, flux: np.ndarray, rng):
    """Tilts the continuum, adds fringes and multiplies with telluric lines.

    Args:
        gap: Its `continuum_tilt`, `fringes` and `tellurics` count.
        wavelength: In angstrom, `(pixel,)`.
        flux: Broadened flux, `(row, pixel)`.
        rng: Generator of the exposures.

    Returns:
        Flux of the same shape.
    """
    rows = len(flux)
    place = np.linspace(-0.5, 0.5, len(wavelength))
    # Drawn whether used or not, so that one switch leaves the others' draws alone.
    tilt = rng.uniform(-1, 1, (rows, 1)) * gap.continuum_tilt
    amplitude = rng.uniform(0, 1, (rows, 1)) * gap.fringes
    periods = rng.uniform(3, 12, (rows, 1))
    phase = rng.uniform(0, 2 * np.pi, (rows, 1))
    depth = rng.exponential(1.0, (rows, 1)) * gap.tellurics
    barycentric = rng.uniform(-30, 30, rows)
    flux = flux * (1 + tilt * place)
    flux = flux * (1 + amplitude * np.sin(2 * np.pi * periods * place + phase))
    if gap.tellurics:
        lines = telluric_lines(gap, wavelength, barycentric)
        flux = flux * np.exp(-np.minimum(depth, 2.0) * lines)
    return flux


def telluric_lines(gap: SpectralGap, wavelength: np.ndarray, barycentric: np.ndarray):
    """Optical depth of made-up telluric lines in the star's frame.

    Eight lines at places that the gap's seed decides, fixed in the observer's frame.

    Args:
        gap: Its seed counts.
        wavelength: In angstrom, `(pixel,)`.
        barycentric: Velocity of the observer in km/s, `(row,)`.

    Returns:
        `(row, pixel)`, 1 at most for a line that stands alone.
    """
    rng = np.random.default_rng([gap.seed, 2])
    edge = 30.0 / SPEED_OF_LIGHT_KMS * wavelength[-1]
    places = rng.uniform(wavelength[0] - edge, wavelength[-1] + edge, 8)
    strengths = rng.uniform(0.2, 1.0, 8)
    width = 2.0 / SPEED_OF_LIGHT_KMS * wavelength[0]
    shift = (1 + barycentric / SPEED_OF_LIGHT_KMS)[:, None]
    depth = np.zeros((len(barycentric), len(wavelength)))
    for place, strength in zip(places, strengths, strict=True):
        depth += strength * np.exp(-0.5 * ((wavelength - place * shift) / width) ** 2)
    return depth


def expose(gap: SpectralGap, flux: np.ndarray, rng):
    """Adds photon noise and bad pixels.

    Args:
        gap: Its `snr` and `bad_pixels` count.
        flux: Noiseless flux, `(row, pixel)`.
        rng: Generator of the exposures.

    Returns:
        Flux, inverse variance (0 in bad pixels), mask (1 in bad pixels), all
        `(row, pixel)`, and the signal-to-noise ratio `(row,)`, infinite without noise.
        Without noise the inverse variance is 1e8.
    """
    rows, pixels = flux.shape
    snr = np.exp(rng.uniform(*np.log(np.maximum(gap.snr, 1e-9)), rows))
    noise = rng.standard_normal(flux.shape)
    bad = rng.random(flux.shape) < gap.bad_pixels
    garbage = np.where(rng.random(flux.shape) < 0.5, 0.0, rng.uniform(1, 3, flux.shape))
    if gap.snr[1] > 0:
        # Photon noise at a flux of 1 is 1 / snr, and falls with the flux' root.
        sigma = np.sqrt(np.maximum(flux, 0.05)) / snr[:, None]
        flux, ivar = flux + sigma * noise, sigma**-2.0
    else:
        snr, ivar = np.full(rows, np.inf), np.full(flux.shape, 1e8)
    flux = np.where(bad, garbage, flux)
    return flux, np.where(bad, 0.0, ivar), bad.astype("uint8"), snr

"""A toy of an M dwarf's atmosphere: one Milne-Eddington layer over 8800-8835 A.

Everything is a closed formula: Boltzmann and Saha populations, the TiO equilibrium,
H- as the continuous opacity, Voigt profiles. It is labelled a toy wherever it appears:
trends with the labels are physical, strengths are roughly those of real M dwarfs, and
no published parameter may rest on it.

Reference:
    Gray 2008, The Observation and Analysis of Stellar Photospheres, chapters 6-11.
"""

from __future__ import annotations

import numpy as np
from scipy.special import wofz

from keras_astro.simulate.stellar_lines import ATOMIC, ELEMENTS, TIO

# Theta of the reciprocal temperature: theta = 5040 / T with energies in eV.
THETA = 5040.0
MICROTURBULENCE_KMS = 1.0
# Levels of the lines' opacity over the continuum's: set so that Fe I 8824 and the TiO
# lines are about as deep as in two real dwarfs, of 3380 and 3500 K.
LINE_LEVEL = 10**13.95
TIO_LEVEL = 10**14.5
TIO_EXCITATION_EV = 0.6
# Reach of a line in angstrom: beyond, even strong wings are below a thousandth.
ATOMIC_REACH, TIO_REACH = 6.0, 0.8


def spectrum(
    wavelength: np.ndarray,
    teff_kelvin: np.ndarray,
    logg_dex: np.ndarray,
    metallicity_dex: np.ndarray,
) -> np.ndarray:
    """Flux over the true continuum of a star at rest that does not rotate.

    With the source function linear in optical depth,
    F / Fc = [1 + (2/3) b / (1 + eta)] / [1 + (2/3) b], b = (3/8) x / (1 - exp(-x)),
    x = h c / (lambda k T0), T0 = 0.84 Teff and eta the line over continuous opacity.

    Args:
        wavelength: Vacuum, angstrom, `(pixel,)`, evenly spaced or nearly so.
        teff_kelvin: Effective temperature, `(row,)`.
        logg_dex: Logarithm of the gravity in cm/s^2, `(row,)`.
        metallicity_dex: [M/H], `(row,)`.

    Returns:
        `(row, pixel)` float64.

    Example:
        >>> grid = np.linspace(8800, 8835, 3501)
        >>> flux = spectrum(grid, np.array([3500.0]), np.array([4.9]), np.zeros(1))
        >>> bool(0.2 < flux.min() < 0.7)
        True
    """
    teff, logg, metals = (
        np.asarray(a, float)[:, None] for a in (teff_kelvin, logg_dex, metallicity_dex)
    )
    eta = line_opacity(wavelength, 0.84 * teff, logg, metals)
    x = 1.438777e8 / (wavelength * 0.84 * teff)
    b = 0.375 * x / -np.expm1(-x)
    return (1 + (2 / 3) * b / (1 + eta)) / (1 + (2 / 3) * b)


def line_opacity(wavelength, temperature, logg, metals) -> np.ndarray:
    """Line opacity over the continuous one, `(row, pixel)`; arguments `(row, 1)`."""
    pressure = electron_pressure(temperature, logg, metals)
    theta = THETA / temperature
    # Bound-free absorption of H- for each hydrogen atom.
    continuum = pressure * theta**2.5 * 10 ** (0.754 * theta)
    # Van der Waals damping follows the gas pressure, which grows as g^(2/3).
    damping = 0.15 * 10 ** ((2 / 3) * (logg - 5.0))
    eta = np.zeros((len(temperature), len(wavelength)))
    for line in ATOMIC:
        element = ELEMENTS[line.element]
        neutral = neutral_fraction(element, temperature, pressure)
        population = neutral * 10 ** (-theta * line.excitation) / element.neutral
        strength = 10 ** (element.abundance - 12 + metals + line.log_gf)
        _add(
            eta,
            wavelength,
            line.wavelength,
            LINE_LEVEL * strength * population / continuum,
            width=doppler_width(line.wavelength, temperature, element.mass),
            damping=damping,
            reach=ATOMIC_REACH,
        )
    bound = tio_fraction(temperature, logg, metals)
    level = bound * 10 ** (metals - theta * TIO_EXCITATION_EV) / tio_states(temperature)
    level = TIO_LEVEL * 10 ** (ELEMENTS["Ti"].abundance - 12) * level / continuum
    for place, weight in TIO:
        _add(
            eta,
            wavelength,
            place,
            weight * level,
            width=doppler_width(place, temperature, 63.9),
            damping=0.3 * damping,
            reach=TIO_REACH,
        )
    return eta


def _add(eta, wavelength, center, strength, *, width, damping, reach) -> None:
    first, last = np.searchsorted(wavelength, (center - reach, center + reach))
    v = (wavelength[first:last] - center) / width
    eta[:, first:last] += strength * wofz(v + 1j * damping).real / width


def doppler_width(wavelength: float, temperature, mass: float) -> np.ndarray:
    """Doppler width in angstrom of atoms of `mass` units with microturbulence."""
    thermal = 0.0166289 * temperature / mass  # 2 k T / m in (km/s)^2
    return wavelength / 299792.458 * np.sqrt(thermal + MICROTURBULENCE_KMS**2)


def electron_pressure(temperature, logg, metals) -> np.ndarray:
    """Electron pressure in dyn/cm^2, from metals of low ionisation energy.

    Electrons of a trace with ionisation energy I obey Pe^2 ~ P S(T), where Saha's
    factor S falls as 10^(-theta I); the metals' pressure grows as g^(2/3) 10^[M/H].
    """
    theta, reference = THETA / temperature, THETA / 3000.0
    # Sodium, potassium and calcium: about 5 eV.
    saha = (temperature / 3000.0) ** 2.5 * 10 ** (-5.0 * (theta - reference))
    return 0.3 * np.sqrt(saha) * 10 ** ((logg - 5.0) / 3 + metals / 2)


def neutral_fraction(element, temperature, pressure) -> np.ndarray:
    """Fraction of an element's atoms that is neutral, by Saha's equation."""
    theta = THETA / temperature
    ratio = (
        0.665
        * (element.ionised / element.neutral)
        * temperature**2.5
        * 10 ** (-theta * element.ionisation)
        / pressure
    )
    return 1 / (1 + ratio)


def tio_states(temperature) -> np.ndarray:
    """Partition function of TiO: rotation, vibration, and six electronic states."""
    kt = 0.6950348 * temperature  # in 1/cm
    return 6.0 * kt / 0.535 / -np.expm1(-1009.0 / kt)


def tio_fraction(temperature, logg, metals) -> np.ndarray:
    """Fraction of titanium that is bound in TiO, by the equilibrium TiO <-> Ti + O.

    K = (2 pi mu k T / h^2)^(3/2) k T Q(Ti) Q(O) / Q(TiO) exp(-D0 / k T) in dyn/cm^2,
    with D0 = 6.87 eV and a reduced mass of 12 units.
    """
    theta = THETA / temperature
    translation = 1.8793e20 * (12.0 * temperature) ** 1.5 * 1.380649e-16 * temperature
    constant = (
        translation * 30.0 * 9.0 / tio_states(temperature) * 10 ** (-6.87 * theta)
    )
    # Oxygen that CO leaves over, in a gas of 3e5 dyn/cm^2 at log g 5.
    oxygen = 3e5 * 10 ** ((2 / 3) * (logg - 5.0)) * 10 ** (-3.6 + metals)
    return oxygen / (oxygen + constant)

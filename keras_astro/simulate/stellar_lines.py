"""The lines of the toy M-dwarf window, 8800-8835 A in vacuum.

Places of lines are where the line masks of the CARMENES spectra of M0-M7 dwarfs have
them (the raccoon package, Lafarga et al. 2020, A&A 636, A36; MIT licence). Lines that
are in the masks of early types and fade to late types are atomic, those that grow are
called TiO. Only Mg I 8809 and Fe I 8826 are identified beyond doubt; the other three
atomic lines are guesses, and so are all strengths of TiO lines. This is a toy: good for
tests and demonstrations, no source of a star's published parameters.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AtomicLine:
    """A line of a neutral atom.

    Args:
        name: Species and wavelength in air, as line lists name it.
        wavelength: In vacuum, angstrom.
        element: Key of `ELEMENTS`.
        excitation: Energy of the lower level, eV.
        log_gf: Oscillator strength.
    """

    name: str
    wavelength: float
    element: str
    excitation: float
    log_gf: float


@dataclass(frozen=True)
class Element:
    """Solar abundance (log, hydrogen is 12), ionisation energy, partition functions."""

    abundance: float
    ionisation: float
    neutral: float
    ionised: float
    mass: float


ELEMENTS = {
    "Mg": Element(7.60, 7.646, 1.0, 2.0, 24.3),
    "Fe": Element(7.50, 7.902, 27.0, 42.0, 55.8),
    "Ti": Element(4.95, 6.828, 30.0, 55.0, 47.9),
}

ATOMIC = (
    AtomicLine("Mg I 8806.76", 8809.18, "Mg", 4.346, -0.13),
    AtomicLine("Fe I 8824.22", 8826.65, "Fe", 2.198, -1.54),
    AtomicLine("Fe I 8804.62 (guess)", 8807.05, "Fe", 2.279, -3.23),
    AtomicLine("Ti I 8819.4 (guess)", 8821.84, "Ti", 2.2, -1.2),
    AtomicLine("Fe I 8821.2 (guess)", 8823.59, "Fe", 4.5, -1.2),
)

# Vacuum wavelength in angstrom and relative strength, from the mask weights of
# J20260+585, an M4.5 dwarf.
TIO = (
    (8801.53, 0.033),
    (8802.77, 0.045),
    (8803.19, 0.021),
    (8803.43, 0.045),
    (8803.72, 0.024),
    (8804.21, 0.055),
    (8804.80, 0.016),
    (8805.29, 0.021),
    (8807.99, 0.029),
    (8808.63, 0.029),
    (8809.63, 0.029),
    (8810.07, 0.027),
    (8811.27, 0.042),
    (8811.68, 0.018),
    (8811.90, 0.037),
    (8813.29, 0.029),
    (8813.50, 0.042),
    (8813.72, 0.051),
    (8816.33, 0.032),
    (8817.01, 0.028),
    (8818.18, 0.041),
    (8820.88, 0.028),
    (8823.88, 0.053),
    (8824.59, 0.040),
    (8825.85, 0.023),
    (8827.37, 0.034),
    (8828.81, 0.044),
    (8829.52, 0.043),
    (8830.11, 0.044),
    (8830.67, 0.028),
    (8831.00, 0.031),
    (8831.53, 0.051),
    (8832.15, 0.045),
    (8834.55, 0.041),
)

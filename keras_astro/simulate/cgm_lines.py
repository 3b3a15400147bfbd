"""Atomic data of ultraviolet absorption lines, with a source for each number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_astro.errors import ConfigError

# Wavelengths in vacuum, oscillator strengths and damping constants (sum of transition
# probabilities of the upper level): Morton 2003, ApJS 149, 205, table 2.
MORTON_2003 = {
    # name: (angstrom, f, gamma in 1e8 / s)
    "H I 1215": (1215.6700, 0.4164, 6.265),
    "H I 1025": (1025.7222, 0.07914, 1.897),
    "H I 972": (972.5367, 0.02901, 0.8127),
    "O VI 1031": (1031.9261, 0.1325, 4.149),
    "O VI 1037": (1037.6167, 0.0658, 4.076),
    "C IV 1548": (1548.2040, 0.1899, 2.643),
    "C IV 1550": (1550.7810, 0.09475, 2.628),
    "Si IV 1393": (1393.7602, 0.513, 8.80),
    "Si IV 1402": (1402.7729, 0.254, 8.62),
    "Si III 1206": (1206.5000, 1.63, 24.8),
    "Si II 1190": (1190.4158, 0.292, 40.8),
    "Si II 1193": (1193.2897, 0.582, 40.7),
    "Si II 1260": (1260.4221, 1.18, 29.5),
    "Si II 1304": (1304.3702, 0.0863, 10.1),
    "Si II 1526": (1526.7070, 0.133, 11.3),
    "C II 1036": (1036.3367, 0.118, 22.0),
    "C II 1334": (1334.5323, 0.128, 2.88),
    "C III 977": (977.0201, 0.757, 17.6),
    "N V 1238": (1238.8210, 0.156, 3.391),
    "N V 1242": (1242.8040, 0.0777, 3.356),
    "O I 1302": (1302.1685, 0.0480, 5.65),
    "Mg II 2796": (2796.3543, 0.6155, 2.625),
    "Mg II 2803": (2803.5315, 0.3058, 2.595),
    "Fe II 1608": (1608.4511, 0.0577, 2.74),
    "Fe II 2382": (2382.7652, 0.320, 3.13),
    "Fe II 2600": (2600.1729, 0.239, 2.70),
}

# Standard atomic weights (IUPAC 2021, abridged).
ATOMIC_MASS = {
    "H": 1.008,
    "C": 12.011,
    "N": 14.007,
    "O": 15.999,
    "Mg": 24.305,
    "Si": 28.085,
    "Fe": 55.845,
}

# Members of the Lyman series that are drawn one by one; farther up they overlap and
# continue the bound-free absorption smoothly.
LYMAN_LAST = 31
# Morton 2003 for the upper level 4; the damping falls with the level's cube.
LYMAN_GAMMA = 0.8127 * 4**3
# Three quarters of Lyman alpha's wavelength: all members follow from it (Rydberg).
LYMAN_LIMIT_ANGSTROM = 1215.6700 * 3 / 4


@dataclass(frozen=True)
class Line:
    """One transition of an ion.

    Args:
        name: Ion and wavelength, e.g. `C IV 1548`.
        ion: The ion, e.g. `C IV`.
        wavelength_angstrom: Rest wavelength in vacuum.
        strength: Absorption oscillator strength.
        damping_per_second: Damping constant.
    """

    name: str
    ion: str
    wavelength_angstrom: float
    strength: float
    damping_per_second: float


def get_line(name: str) -> Line:
    """A line by its name.

    Raises:
        ConfigError: If it is not in the table.

    Example:
        >>> get_line("C IV 1548").strength
        0.1899
    """
    if name not in MORTON_2003:
        raise ConfigError(
            f"line {name!r}: expected one of {', '.join(MORTON_2003)}",
            hint="Lines are named by ion and whole angstroms, e.g. C IV 1548.",
        )
    wavelength, strength, gamma = MORTON_2003[name]
    ion = name.rpartition(" ")[0]
    return Line(name, ion, wavelength, strength, gamma * 1e8)


def lyman_series(first: int = 2) -> list[Line]:
    """The lines of the Lyman series from an upper level to the last resolved one.

    Measured values for the first three; above, the oscillator strength of hydrogen,

    `f_n = 2^8 n^5 (n - 1)^(2n - 4) / (3 (n + 1)^(2n + 4))`.

    Reference:
        Menzel and Pekeris 1935, MNRAS 96, 77.

    Example:
        >>> [round(line.strength, 5) for line in lyman_series(first=4)[:2]]
        [0.02901, 0.01394]
    """
    measured = {2: "H I 1215", 3: "H I 1025", 4: "H I 972"}
    lines = [get_line(measured[n]) for n in range(first, 5)]
    for n in range(max(first, 5), LYMAN_LAST + 1):
        wavelength = LYMAN_LIMIT_ANGSTROM / (1 - n**-2)
        strength = float(
            2**8
            * np.exp(5 * np.log(n) + (2 * n - 4) * np.log(n - 1))
            / (3 * np.exp((2 * n + 4) * np.log(n + 1)))
        )
        lines.append(
            Line(f"H I Ly{n}", "H I", wavelength, strength, LYMAN_GAMMA * 1e8 / n**3)
        )
    return lines


def mass(ion: str) -> float:
    """Atomic weight of an ion's element, e.g. of `C IV`."""
    return ATOMIC_MASS[ion.split()[0]]

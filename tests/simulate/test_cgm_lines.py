"""Atomic data: published values, and the formula of the Lyman series."""

import numpy as np
import pytest

from keras_astro.errors import ConfigError
from keras_astro.simulate.cgm_ionisation import IONS, log_ion_columns, log_ion_fractions
from keras_astro.simulate.cgm_lines import MORTON_2003, get_line, lyman_series, mass


def test_every_line_has_an_ion_in_the_table_and_a_mass():
    for name in MORTON_2003:
        line = get_line(name)
        assert line.ion in IONS
        assert mass(line.ion) > 1
        assert name.endswith(str(int(line.wavelength_angstrom)))


def test_strengths_that_another_list_had_wrong():
    # Values a thousand and six times too small were in circulation.
    assert get_line("Si III 1206").strength == 1.63
    assert get_line("Si II 1260").strength == 1.18


def test_the_series_agrees_with_measured_members():
    # Morton 2003: wavelength, f and gamma (1e8 / s) of the levels 5 to 8.
    measured = [
        (949.7430, 0.01395, 0.4204),
        (937.8034, 0.007803, 0.2450),
        (930.7482, 0.004816, None),
        (926.2256, 0.003185, None),
    ]
    for line, (wavelength, strength, gamma) in zip(
        lyman_series(first=5), measured, strict=False
    ):
        assert line.wavelength_angstrom == pytest.approx(wavelength, abs=2e-3)
        assert line.strength == pytest.approx(strength, rel=2e-3)
        if gamma:
            assert line.damping_per_second == pytest.approx(gamma * 1e8, rel=0.02)


def test_unknown_lines_are_refused(refused):
    with refused(ConfigError, "H I 9999", hint="C IV 1548"):
        get_line("H I 9999")


def test_gas_is_more_ionised_where_it_is_thin_or_hot():
    hydrogen = IONS.index("H I")
    density = log_ion_fractions(np.array([-5.0, -3.0, -1.0]), np.full(3, 4.2))
    heat = log_ion_fractions(np.full(3, -3.0), np.array([4.0, 5.0, 6.0]))
    assert (np.diff(density[:, hydrogen]) > 0).all()
    assert (np.diff(heat[:, hydrogen]) < 0).all()
    # Five times ionised oxygen peaks near 3e5 K in collisions.
    hot = log_ion_fractions(np.full(3, -1.5), np.array([4.5, 5.5, 6.4]))
    assert hot[:, IONS.index("O VI")].argmax() == 1


def test_fractions_are_at_most_one_and_carbon_ions_do_not_exceed_carbon():
    d, t = np.meshgrid(np.linspace(-6, 1, 30), np.linspace(3.8, 6.5, 30))
    fractions = 10.0 ** log_ion_fractions(d, t)
    carbon = [IONS.index(ion) for ion in ("C II", "C III", "C IV")]
    assert fractions.max() <= 1.01
    assert fractions[..., carbon].sum(axis=-1).max() <= 1.02


def test_columns_scale_with_metals_and_hydrogen():
    one = np.array([19.0]), np.array([-3.0]), np.array([0.0]), np.array([4.3])
    base = log_ion_columns(*one)
    metal = log_ion_columns(one[0], one[1], one[2] - 1.0, one[3])
    assert np.allclose(base[0, 1:] - metal[0, 1:], 1.0)
    assert base[0, 0] == metal[0, 0]


def test_values_beyond_the_table_are_those_of_its_edge():
    edge = log_ion_fractions(np.array(1.0), np.array(6.5))
    beyond = log_ion_fractions(np.array(3.0), np.array(9.0))
    assert np.allclose(edge, beyond, atol=1e-12)

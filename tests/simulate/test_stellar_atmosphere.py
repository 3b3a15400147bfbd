"""The toy atmosphere: closed forms, known limits and the right trends."""

import numpy as np
import pytest

from keras_astro.simulate import stellar_atmosphere as atmosphere
from keras_astro.simulate.stellar_lines import ATOMIC, ELEMENTS, TIO

GRID = np.linspace(8800, 8835, 3501)
ONE = np.ones((1, 1))


def star(teff=3400.0, logg=4.9, metals=0.0):
    labels = (np.array([float(v)]) for v in (teff, logg, metals))
    return atmosphere.spectrum(GRID, *labels)[0]


def depth(flux, place):
    near = np.abs(GRID - place) < 0.05
    return 1 - flux[near].min()


def test_no_lines_no_absorption(monkeypatch):
    monkeypatch.setattr(atmosphere, "ATOMIC", ())
    monkeypatch.setattr(atmosphere, "TIO", ())
    np.testing.assert_allclose(star(), 1.0)


def test_strongest_lines_reach_the_surface_brightness(monkeypatch):
    """With eta to infinity only the source function at the surface is left."""
    monkeypatch.setattr(atmosphere, "LINE_LEVEL", 1e30)
    x = 1.438777e8 / (8826.65 * 0.84 * 3400)
    b = 0.375 * x / (1 - np.exp(-x))
    assert 1 - depth(star(), 8826.65) == pytest.approx(1 / (1 + 2 / 3 * b), rel=1e-4)


def test_lines_are_where_they_should_be():
    flux = star(3800)
    for line in ATOMIC[:2]:
        near = np.abs(GRID - line.wavelength) < 0.5
        assert GRID[near][flux[near].argmin()] == pytest.approx(
            line.wavelength, abs=0.02
        )


def test_ionised_atoms_follow_saha():
    iron = ELEMENTS["Fe"]
    cool = atmosphere.neutral_fraction(iron, 3000 * ONE, 0.1 * ONE)
    hot = atmosphere.neutral_fraction(iron, 10000 * ONE, 0.1 * ONE)
    assert cool > 0.99 > 0.01 > hot
    # Where the ratio of ions to neutrals is 1, both are a half.
    ratio = lambda t: (1 / atmosphere.neutral_fraction(iron, t * ONE, ONE) - 1).item()
    both = ratio(4500.0)
    expected = 0.665 * 42 / 27 * 4500**2.5 * 10 ** (-5040 / 4500 * 7.902)
    assert both == pytest.approx(expected, rel=1e-9)


def test_titanium_monoxide_forms_below_about_4000_kelvin():
    teff = np.array([[2500.0], [3000.0], [4000.0], [5500.0]])
    found = atmosphere.tio_fraction(teff, 5.0, 0.0)[:, 0]
    assert (np.diff(found) < 0).all()
    assert found[0] > 0.99
    assert found[-1] < 0.01


@pytest.mark.parametrize("place", [p for p, weight in TIO if weight > 0.05])
def test_titanium_monoxide_deepens_as_stars_cool(place):
    depths = [depth(star(t), place) for t in (4200, 3700, 3200, 2700)]
    assert (np.diff(depths) > 0).all()


def test_metals_deepen_lines():
    assert depth(star(metals=0.3), 8826.65) > depth(star(metals=-0.7), 8826.65)
    rich, poor = star(metals=0.3), star(metals=-0.7)
    assert np.mean(1 - rich) > 1.2 * np.mean(1 - poor)


def test_gravity_broadens_wings():
    wing = np.abs(np.abs(GRID - 8826.65) - 0.35) < 0.05
    assert star(logg=5.3)[wing].mean() < star(logg=4.7)[wing].mean()


def test_doppler_width():
    thermal = 2 * 1.380649e-23 * 3000 / (55.8 * 1.66054e-27) / 1e6
    expected = 8826.65 / 299792.458 * np.sqrt(thermal + 1.0)
    assert atmosphere.doppler_width(8826.65, 3000.0, 55.8) == pytest.approx(
        expected, rel=1e-4
    )

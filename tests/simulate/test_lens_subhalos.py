import numpy as np
import pytest
from scipy.stats import kstest

from keras_astro.simulate.lens_config import LensingSimulation
from keras_astro.simulate.lens_subhalos import draw_masses
from keras_astro.simulate.lensing import draw_parameters, draw_subhalos

CONFIG = LensingSimulation(subhalo_mass_fraction=(0.05, 0.1))
LENSES = 600


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(6)
    parameters = draw_parameters(CONFIG, LENSES, rng)
    anomalous = np.arange(LENSES) % 2 == 1
    return parameters, draw_subhalos(CONFIG, parameters, anomalous, rng), anomalous


@pytest.mark.parametrize("slope", [-1.9, -1.0, -0.5])
def test_masses_follow_the_power_law(slope):
    low, high = 1e6, 1e10
    masses = draw_masses(
        np.random.default_rng(7), 20000, low=low, high=high, slope=slope
    )
    assert masses.min() >= low
    assert masses.max() <= high

    def share(mass):
        if slope == -1.0:
            return np.log(mass / low) / np.log(high / low)
        power = slope + 1
        return (mass**power - low**power) / (high**power - low**power)

    assert kstest(masses, share).pvalue > 0.001
    if slope == -1.9:
        counts, edges = np.histogram(np.log(masses), np.log(np.geomspace(1e6, 1e8, 9)))
        middle = 0.5 * (edges[1:] + edges[:-1])
        # The counts in even steps of log mass fall with the slope plus one.
        found = np.polyfit(middle, np.log(counts), 1)[0] - 1
        assert found == pytest.approx(slope, abs=0.05)


def test_total_mass_is_the_drawn_fraction(drawn):
    parameters, halos, anomalous = drawn
    fraction = halos.mass.sum(axis=1) / parameters["theta_E_arcsec"] ** 2
    assert not fraction[~anomalous].any()
    low, high = CONFIG.subhalo_mass_fraction
    uniform = kstest(fraction[anomalous], "uniform", (low, high - low))
    assert uniform.pvalue > 0.001
    assert fraction[anomalous].min() >= low * (1 - 1e-9)
    assert fraction[anomalous].max() <= high * (1 + 1e-9)


def test_number_and_ratio_of_masses(drawn):
    _, halos, anomalous = drawn
    count = (halos.mass > 0).sum(axis=1)[anomalous]
    error = np.sqrt(CONFIG.subhalo_count / len(count))
    assert count.mean() == pytest.approx(CONFIG.subhalo_count, abs=4 * error)
    assert count.var() == pytest.approx(CONFIG.subhalo_count, rel=0.35)
    for mass in halos.mass[anomalous]:
        present = mass[mass > 0]
        assert present.max() / present.min() <= CONFIG.subhalo_mass_ratio


def test_an_anomaly_has_a_subhalo_even_at_a_mean_of_none():
    config = CONFIG.replace(subhalo_count=0.0)
    rng = np.random.default_rng(0)
    halos = draw_subhalos(
        config, draw_parameters(config, 8, rng), np.ones(8, bool), rng
    )
    assert ((halos.mass > 0).sum(axis=1) == 1).all()


def test_places_are_even_over_the_disc(drawn):
    _, halos, _ = drawn
    present = halos.mass > 0
    x, y = halos.x[present], halos.y[present]
    square = (x**2 + y**2) / CONFIG.subhalo_field_arcsec**2
    assert square.max() <= 1
    assert kstest(square, "uniform").pvalue > 0.001
    angle = np.arctan2(y, x)
    assert kstest(angle, "uniform", (-np.pi, 2 * np.pi)).pvalue > 0.001


def test_take_keeps_all_mass(drawn):
    _, halos, _ = drawn
    part = halos.take(slice(0, 8))
    np.testing.assert_allclose(part.mass.sum(axis=1), halos.mass[:8].sum(axis=1))
    assert part.mass.any(axis=0).all()

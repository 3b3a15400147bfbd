"""Each switch of the domain gap does what it says and nothing else."""

import numpy as np
import pytest

from keras_astro.errors import ConfigError
from keras_astro.simulate import spectral_gap
from keras_astro.simulate.spectral_gap import OBSERVED, SpectralGap
from keras_astro.simulate.stellar import simulate
from keras_astro.simulate.stellar_config import StellarSimulation

CLEAN = StellarSimulation(pixels=600, gap=SpectralGap.preset("clean"))
GRID = np.linspace(8800, 8835, 600)


def rng(seed=0):
    return np.random.default_rng(seed)


def stars(gap, seed=3):
    return simulate(CLEAN.replace(gap=gap), 16, seed=seed)


@pytest.mark.parametrize("switch", sorted(OBSERVED))
def test_each_switch_alone_changes_spectra_and_leaves_the_stars(switch):
    gap = SpectralGap.preset("clean").replace(**{switch: OBSERVED[switch]})
    clean, changed = stars(SpectralGap.preset("clean")), stars(gap)
    assert not np.array_equal(clean.inputs["flux"], changed.inputs["flux"])
    for name in ("teff_kelvin", "logg_dex", "metallicity_dex", "vsini_kms"):
        np.testing.assert_array_equal(clean.targets[name], changed.targets[name])
    assert bool(changed.inputs["mask"].any()) == (switch == "bad_pixels")
    assert bool(changed.targets["rv_kms"].any()) == (switch == "rv_residual_kms")
    assert np.isfinite(changed.targets["snr"]).all() == (switch == "snr")


def test_line_errors_are_those_of_a_list_and_not_of_a_star():
    gap = SpectralGap(line_errors=0.2)
    flux = np.full((2, 600), 0.7)
    first, second = spectral_gap.wrong_lines(gap, GRID, flux)
    np.testing.assert_array_equal(first, second)
    relative = np.log((1 - first) / 0.3)
    fine = np.linspace(5000, 9000, 400000)
    many = spectral_gap.wrong_lines(gap, fine, np.full((1, len(fine)), 0.7))
    assert np.log((1 - many) / 0.3).std() == pytest.approx(0.2, rel=0.05)
    assert relative.std() > 0.1
    other = spectral_gap.wrong_lines(gap.replace(seed=1), GRID, flux)
    assert not np.allclose(other, first)


def test_line_strength_scales_depths():
    found = spectral_gap.wrong_lines(SpectralGap(line_strength=0.08), GRID, CONTINUUM)
    np.testing.assert_allclose(1 - found, 1.08 * (1 - CONTINUUM))


CONTINUUM = np.linspace(0.4, 1.0, 600)[None]


def test_noise_has_the_variance_that_is_stated():
    gap = SpectralGap(snr=(80.0, 80.0))
    flux = np.full((400, 500), 0.5)
    noisy, ivar, mask, snr = spectral_gap.expose(gap, flux, rng())
    assert not mask.any()
    np.testing.assert_allclose(snr, 80.0)
    assert (noisy - flux).std() == pytest.approx(np.sqrt(0.5) / 80, rel=0.01)
    assert ((noisy - flux) ** 2 * ivar).mean() == pytest.approx(1.0, rel=0.02)


def test_bad_pixels_carry_no_weight():
    gap = SpectralGap(bad_pixels=0.1)
    flux = np.full((50, 400), 0.9)
    found, ivar, mask, _ = spectral_gap.expose(gap, flux, rng())
    assert mask.mean() == pytest.approx(0.1, abs=0.01)
    assert (ivar[mask == 1] == 0).all()
    assert (np.abs(found[mask == 1] - 0.9) > 0.05).all()
    np.testing.assert_array_equal(found[mask == 0], 0.9)


def test_telluric_lines_stay_with_the_observer():
    gap = SpectralGap(tellurics=0.1)
    still, moved = spectral_gap.telluric_lines(gap, GRID, np.array([0.0, 30.0]))
    pixel_kms = (GRID[1] / GRID[0] - 1) * 299792.458
    shift = np.arange(-60, 60)
    match = [np.sum(np.roll(still, s)[80:-80] * moved[80:-80]) for s in shift]
    assert shift[np.argmax(match)] == pytest.approx(30.0 / pixel_kms, abs=1.5)


def test_unknown_preset_is_refused(refused):
    words = "simulation.gap = dirty", "clean, noisy, observed"
    with refused(ConfigError, *words, hint="--set simulation.gap=noisy"):
        SpectralGap.preset("dirty")

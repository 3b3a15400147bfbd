"""The galaxy simulator: reproducible rows, the published recipe, honest noise."""

import numpy as np
import pytest

from keras_astro.errors import ConfigError
from keras_astro.simulate import galaxies
from keras_astro.simulate.galaxy_config import PRESETS, GalaxySimulation

# Indices that GalSim draws at once, small images.
QUICK = GalaxySimulation.preset("v3").replace(pixels=32, sersic_n=(1.0, 1.0))


def same_rows(first, second):
    for group in ("inputs", "targets", "meta"):
        ours, others = getattr(first, group), getattr(second, group)
        assert ours.keys() == others.keys()
        for name, array in ours.items():
            assert np.array_equal(array, others[name]), f"{group}/{name} differs"


def test_a_row_depends_on_seed_and_number_alone():
    whole = galaxies.simulate(QUICK, 40, seed=3)
    same_rows(whole, galaxies.simulate(QUICK, 40, seed=3, jobs=2))
    same_rows(whole.rows(7, 40), galaxies.simulate(QUICK, 33, seed=3, first=7))
    other = galaxies.simulate(QUICK, 40, seed=4)
    assert not np.isclose(whole.targets["flux"], other.targets["flux"]).any()


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_draws_are_within_the_published_limits(preset):
    config = GalaxySimulation.preset(preset).replace(sersic_n=(0.9, 1.1), pixels=32)
    sample = galaxies.simulate(config, 40, seed=1)
    truth, inputs = sample.targets, sample.inputs
    limits = {
        "sersic_n": config.sersic_n,
        "flux": config.flux,
        "half_light_radius_arcsec": config.half_light_radius_arcsec,
        "snr": config.snr,
    }
    for name, (low, high) in limits.items():
        assert np.all((truth[name] >= low) & (truth[name] <= high)), name
    shear = np.hypot(truth["g1"], truth["g2"])
    assert shear.min() < 0.5 < shear.max() <= 0.67
    assert np.ptp(inputs["psf_fwhm_arcsec"]) == pytest.approx(
        0.0 if preset in ("v1", "v2") else 0.45, abs=0.1
    )
    assert (np.ptp(inputs["noise_sigma"]) > 0) == (preset != "v1")


def test_index_stays_uniform_where_signal_to_noise_selects():
    # Almost every faint galaxy is refused, whatever its index.
    config = QUICK.replace(sersic_n=(0.5, 1.5), snr=(60.0, 100.0))
    indices = [
        galaxies.draw_galaxy(config, np.random.default_rng(seed))[0][1]
        for seed in range(60)
    ]
    expected = [np.random.default_rng(seed).uniform(0.5, 1.5) for seed in range(60)]
    assert np.array_equal(indices, expected)


def test_noise_is_that_of_sky_and_photons():
    clean = np.full((400, 400), 5000.0)
    noisy = galaxies.add_noise(clean, 60.0, np.random.default_rng(0))
    assert noisy.mean() == pytest.approx(5000.0, abs=1.0)
    assert noisy.var() == pytest.approx(60.0**2 + 5000.0, rel=0.02)


def test_residual_of_a_row_has_the_stated_noise():
    sample = galaxies.simulate(QUICK, 6, seed=2)
    clean, sigma = sample.targets["clean_image"], sample.inputs["noise_sigma"]
    variance = sigma[:, None, None, None] ** 2 + clean
    chi2 = np.mean((sample.inputs["image"] - clean) ** 2 / variance)
    assert chi2 == pytest.approx(1.0, abs=0.06)
    measured = np.sqrt(np.sum(clean**2, axis=(1, 2, 3))) / sigma
    assert np.allclose(measured, sample.targets["snr"], rtol=1e-4)


def test_impossible_limits_are_refused(monkeypatch):
    monkeypatch.setattr(galaxies, "MOST_DRAWS", 3)
    config = QUICK.replace(snr=(1e6, 2e6))
    with pytest.raises(ValueError, match="no galaxy of Sersic index 1 has"):
        galaxies.simulate(config, 1, seed=0)


def test_unknown_preset_is_refused(refused):
    with refused(ConfigError, "v9", "v1, v2, v3"):
        GalaxySimulation.preset("v9")

"""The stellar simulator: reproducible rows, complete truth, whole atmospheres."""

import importlib.util

import numpy as np
import pytest

from keras_astro.errors import ConfigError
from keras_astro.simulate import stellar
from keras_astro.simulate.spectral_gap import SpectralGap
from keras_astro.simulate.stellar_config import (
    PRESETS,
    PUBLISHED_VSINI,
    StellarSimulation,
)

SMALL = StellarSimulation(pixels=300, gap=SpectralGap.preset("observed"))


def assert_same_rows(first, second):
    for group in ("inputs", "targets", "meta"):
        ours, others = getattr(first, group), getattr(second, group)
        assert ours.keys() == others.keys()
        for name, array in ours.items():
            assert np.array_equal(array, others[name]), f"{group}/{name} differs"


def test_rows_depend_on_the_seed_alone():
    first = stellar.simulate(SMALL, 100, seed=3)
    assert_same_rows(first, stellar.simulate(SMALL, 100, seed=3, jobs=2))
    # Blocks have seeds of their own: asking for more rows leaves the first ones alone.
    longer = stellar.simulate(SMALL, 130, seed=3)
    assert_same_rows(first, longer.rows(0, 100))
    other = stellar.simulate(SMALL, 100, seed=4)
    assert not np.isclose(first.inputs["flux"], other.inputs["flux"]).all(axis=1).any()


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_all_truth_is_there(preset):
    if preset.startswith("cannon") and importlib.util.find_spec("doppler") is None:
        pytest.skip("thedoppler is not installed")
    config = StellarSimulation.preset(preset)
    sample = stellar.simulate(config, 20, seed=1)
    for name in ("flux", "ivar", "mask"):
        assert sample.inputs[name].shape == (20, 3501)
        assert np.isfinite(sample.inputs[name]).all()
    assert sample.axes["wavelength_angstrom"].shape == (3501,)
    for name in ("teff_kelvin", "logg_dex", "metallicity_dex"):
        low, high = getattr(config, name)
        drawn = sample.targets[name]
        assert ((low - 1e-3 <= drawn) & (drawn <= high + 1e-3)).all(), name
    toy = ["toy" in text for text in sample.meta["origin"]]
    assert all(toy) if config.physics == "toy" else not any(toy)


def test_rows_of_a_group_share_the_atmosphere_and_differ_in_rotation():
    config = StellarSimulation.preset("m-dwarf-grid").replace(pixels=300)
    sample = stellar.simulate(config, 52, seed=1)
    groups = sample.meta["group"]
    assert len(set(groups)) == 4
    for group in set(groups):
        rows = groups == group
        for name in ("teff_kelvin", "logg_dex", "metallicity_dex"):
            assert len(set(sample.targets[name][rows])) == 1
        found = np.sort(sample.targets["vsini_kms"][rows])
        np.testing.assert_allclose(found, PUBLISHED_VSINI)


def test_edges_of_the_window_are_as_good_as_its_middle():
    """A wider window shows the same spectrum where both look."""
    clean = SMALL.replace(gap=SpectralGap.preset("clean"), pixels=3501)
    labels = stellar.draw_labels(clean, np.random.default_rng(0))
    still = np.zeros(len(labels["vsini_kms"]))
    wide = clean.replace(window_angstrom=(8795.0, 8840.0), pixels=4501)
    ours = stellar.render(clean, labels, velocity_kms=still)
    theirs = stellar.render(wide, labels, velocity_kms=still)[:, 500:4001]
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_gravities_follow_the_main_sequence():
    labels = [
        stellar.draw_labels(SMALL, np.random.default_rng(seed)) for seed in range(30)
    ]
    teff, logg = (
        np.concatenate([one[k] for one in labels]) for k in ("teff_kelvin", "logg_dex")
    )
    assert logg[(teff > 2700) & (teff < 3100)].max() > 5.2
    assert logg[teff > 4300].max() < 4.9


def test_unknown_preset_is_refused():
    with pytest.raises(ConfigError, match="m-dwarf-grid, cannon"):
        StellarSimulation.preset("giants")

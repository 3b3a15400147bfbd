"""The whole simulator: reproducible rows, complete truth, known noise."""

import numpy as np
import pytest
import yaml

from keras_astro.config import build_config, set_values
from keras_astro.errors import ConfigError
from keras_astro.simulate import cgm
from keras_astro.simulate.cgm_clouds import draw_gas
from keras_astro.simulate.cgm_config import PRESETS, CgmSimulation
from keras_astro.tasks.cgm_config import CgmConfig

SMALL = CgmSimulation(pixels=1500, first_angstrom=1440.0, pixel_angstrom=0.1)


def assert_same_rows(first, second):
    for group in ("inputs", "targets", "meta"):
        ours, others = getattr(first, group), getattr(second, group)
        assert ours.keys() == others.keys()
        for name, array in ours.items():
            assert np.array_equal(array, others[name]), f"{group}/{name} differs"


def test_same_seed_same_rows_and_more_rows_leave_whole_blocks_alone():
    first = cgm.simulate(SMALL, 70, seed=3)
    assert_same_rows(first, cgm.simulate(SMALL, 70, seed=3))
    assert not np.array_equal(
        first.inputs["flux"], cgm.simulate(SMALL, 70, seed=4).inputs["flux"]
    )
    assert_same_rows(first.rows(0, 64), cgm.simulate(SMALL, 130, seed=3).rows(0, 64))


def test_jobs_do_not_change_rows():
    noisy = SMALL.replace(noise=0.05)
    alone = cgm.simulate(noisy, 70, seed=3)
    assert_same_rows(alone, cgm.simulate(noisy, 70, seed=3, jobs=2))


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_give_flux_between_nothing_and_the_continuum(preset):
    config = CgmSimulation.preset(preset).replace(noise=0.0)
    sample = cgm.simulate(config, 6, seed=1)
    flux = sample.inputs["flux"]
    assert flux.shape == (6, config.pixels)
    assert flux.dtype == np.float32
    assert flux.min() >= 0
    assert flux.max() <= 1 + 1e-6
    assert all(np.isfinite(v).all() for v in sample.targets.values())


def test_noise_is_cut_at_zero_and_its_mean_square_is_stored():
    clean = cgm.simulate(SMALL, 20, seed=1)
    noisy = cgm.simulate(SMALL.replace(noise=0.1), 20, seed=1)
    difference = noisy.inputs["flux"] - clean.inputs["flux"]
    assert noisy.inputs["flux"].min() == 0
    found = np.mean(difference.astype(float) ** 2, axis=1)
    assert np.allclose(found, noisy.targets["noise_mse"], rtol=1e-5)
    assert found.mean() == pytest.approx(0.01, rel=0.05)


def test_an_absorber_moves_with_its_velocity_and_redshift():
    gas = draw_gas(SMALL, 4, np.random.default_rng(0))
    gas.velocity_kms[:] = 0.0
    still = cgm.render(SMALL, gas)
    gas.velocity_kms[:] = 300.0
    moved = cgm.render(SMALL.replace(redshift=1.2 / (1 + 300 / 299792.458) - 1), gas)
    assert np.allclose(still, moved, atol=1e-5)


def test_the_limit_absorbs_blueward_of_its_edge_and_the_series_runs_into_it():
    config = CgmSimulation.preset("challenge-like").replace(pixels=9000, noise=0.0)
    sample = cgm.simulate(config, 64, seed=0)
    wavelength, neutral = config.wavelength_angstrom, sample.targets["log_H_I"]
    thick = sample.inputs["flux"][neutral > 18.5]
    assert thick[:, wavelength < 1090].max() < 0.02
    assert thick[:, wavelength > 1160].mean() > 0.7
    # No gap between the last drawn line and the edge.
    means = [
        thick[:, (wavelength > low) & (wavelength <= high)].mean()
        for low, high in ((1090, 1094), (1094, 1097), (1097, 1102), (1130, 1150))
    ]
    assert means == sorted(means)
    assert means[1] < 0.5


def test_classes_follow_the_neutral_column():
    config = CgmSimulation.preset("challenge-like").replace(pixels=1000)
    targets = cgm.simulate(config, 192, seed=0).targets
    column, kind = targets["log_H_I"], targets["absorber_class"]
    assert np.array_equal(kind == cgm.DAMPED, column >= 20.3)
    assert np.array_equal(kind >= cgm.LIMIT, column >= 17.2)
    assert set(kind) == {cgm.REST, cgm.LIMIT, cgm.DAMPED}
    through = targets["impact_kpc"] == 0
    assert through.mean() == pytest.approx(1 / 3, abs=0.12)
    assert np.median(column[through]) > np.median(column[~through]) + 1


def test_single_clouds_have_the_columns_of_published_haloes():
    gas = draw_gas(CgmSimulation(), 4000, np.random.default_rng(0))
    targets = cgm.truth(gas)
    low, high = np.percentile(targets["log_H_I"], [5, 95])
    assert (low, high) == (pytest.approx(12.8, abs=0.3), pytest.approx(18.4, abs=0.3))
    assert np.array_equal(targets["clouds"], np.ones(4000))


def test_unknown_presets_are_refused(refused):
    with refused(ConfigError, "noisy", "multi-cloud", hint="preset=single-cloud"):
        CgmSimulation.preset("noisy")


def broadened(setting):
    """A narrow cloud's spectrum under a line-spread function of the command line."""
    values = set_values({"task": "cgm"}, [setting])
    config = build_config(CgmConfig, values, where="test")
    prior = config.simulation.prior(config.system.redshift)
    prior = prior.replace(pixels=1500, first_angstrom=1440.0, pixel_angstrom=0.1)
    return config, cgm.simulate(prior, 3, seed=1).inputs["flux"]


def test_the_line_spread_function_is_a_width_or_a_file(tmp_path):
    velocity = np.linspace(-120, 120, 2001)
    value = 7.0 * np.exp(-0.5 * (velocity / (40 / 2.35482)) ** 2)
    path = tmp_path / "lsf.txt"
    np.savetxt(path, np.column_stack([velocity, value]), header="km/s value")
    _, wide = broadened("simulation.kernel=40")
    config, tabulated = broadened(f"simulation.kernel={path}")
    _, narrow = broadened("simulation.noise=0")
    assert np.abs(wide - narrow).max() > 0.05
    assert np.abs(wide - tabulated).max() < 1e-3
    # The settings of a run say all of it, wherever the file has gone.
    path.unlink()
    kept = CgmConfig.model_validate(yaml.safe_load(config.to_yaml()))
    assert kept == config
    assert len(kept.simulation.kernel[0]) == 2001


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2 3\n4 5 6\n7 8 9", "two columns"),
        ("-1 0\n0 1\nx 0", "cannot be read"),
        ("1 0\n0 1\n2 0", "increasing"),
        ("-1 0\n0 -1\n1 0", "at least 0"),
    ],
)
def test_files_without_a_line_spread_function_are_named(tmp_path, refused, text, words):
    path = tmp_path / "lsf.csv"
    path.write_text(text)
    with refused(ConfigError, "simulation.kernel", path, words):
        broadened(f"simulation.kernel={path}")
    with refused(ConfigError, "simulation.kernel", "no.txt"):
        broadened("simulation.kernel=no.txt")

"""The whole simulator: reproducible rows, complete truth, matched masses."""

import json

import numpy as np
import pytest
from scipy.stats import ks_2samp

from keras_astro.errors import ConfigError
from keras_astro.simulate import lens_fields, lensing
from keras_astro.simulate.lens_config import PRESETS, LensingSimulation
from keras_astro.simulate.lens_deflection import sie_deflection
from keras_astro.simulate.lens_fields import convergence_field
from keras_astro.simulate.lens_subhalos import subhalo_deflection

SMALL = LensingSimulation(pixels=32, pixel_scale_arcsec=0.2)
TARGETS = {
    "is_anomaly": "uint8",
    "theta_E_arcsec": "float32",
    "e1": "float32",
    "e2": "float32",
    "gamma1": "float32",
    "gamma2": "float32",
    "subhalo_mass_fraction": "float32",
    "substructure_map": "float32",
}


def assert_same_rows(first, second):
    for group in ("inputs", "targets", "meta"):
        ours, others = getattr(first, group), getattr(second, group)
        assert ours.keys() == others.keys()
        for name, array in ours.items():
            assert np.array_equal(array, others[name]), f"{group}/{name} differs"


def test_same_seed_same_rows_and_another_seed_differs():
    first = lensing.simulate(SMALL, 70, seed=3)
    assert_same_rows(first, lensing.simulate(SMALL, 70, seed=3))
    other = lensing.simulate(SMALL, 70, seed=4)
    images = first.inputs["image"], other.inputs["image"]
    assert not np.isclose(*images).all(axis=(1, 2, 3)).any()
    # Blocks have seeds of their own: asking for more rows leaves whole blocks alone.
    longer = lensing.simulate(SMALL, 130, seed=3)
    assert_same_rows(first.rows(0, 64), longer.rows(0, 64))


def test_jobs_do_not_change_rows():
    alone = lensing.simulate(SMALL, 70, seed=3)
    assert_same_rows(alone, lensing.simulate(SMALL, 70, seed=3, jobs=2))


@pytest.mark.parametrize("together", [1, 5, 64])
def test_how_many_are_traced_together_does_not_change_images(monkeypatch, together):
    config = SMALL.replace(peak_counts=0.0, background_rms=0.0)
    usual = lensing.simulate(config, 12, seed=3).inputs["image"]
    monkeypatch.setattr(lensing, "TRACED", together)
    monkeypatch.setattr(lens_fields, "TOGETHER", together)
    images = lensing.simulate(config, 12, seed=3).inputs["image"]
    # Sums over subhalos may be ordered differently by the linear algebra library.
    np.testing.assert_allclose(images, usual, atol=2e-5)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_all_truth_is_there(preset):
    config = LensingSimulation.preset(preset)
    sample = lensing.simulate(config, 6, seed=1)
    side = config.pixels
    assert sample.inputs["image"].shape == (6, side, side, 1)
    assert sample.inputs["image"].dtype == "float32"
    assert np.isfinite(sample.inputs["image"]).all()
    assert {k: str(v.dtype) for k, v in sample.targets.items()} == TARGETS
    for name, array in sample.targets.items():
        shape = (6, side, side) if name == "substructure_map" else (6,)
        assert array.shape == shape, name
    assert list(sample.meta["id"]) == [f"sim-1-{i}" for i in range(6)]
    assert sample.targets["is_anomaly"].sum() == 3
    low, high = config.theta_E_arcsec
    theta_e = sample.targets["theta_E_arcsec"]
    assert ((low - 1e-6 <= theta_e) & (theta_e <= high + 1e-6)).all()


@pytest.mark.parametrize("kind", ["sis", "point", "tnfw"])
def test_the_map_shows_the_subhalos_and_nothing_else(kind):
    config = LensingSimulation(subhalo_kind=kind)
    rng = np.random.default_rng(2)
    anomalous = np.arange(6) % 2 == 1
    parameters = lensing.draw_parameters(config, 6, rng)
    halos = lensing.draw_subhalos(config, parameters, anomalous, rng)
    axis = lensing.pixel_axis(config)
    maps = convergence_field(axis, halos)
    assert (maps >= 0).all()
    assert not maps[~anomalous].any()
    row, column = (
        np.abs(p[..., None] - axis).argmin(axis=-1) for p in (halos.y, halos.x)
    )
    lens, k = np.nonzero(halos.mass)
    assert (maps[lens, row[lens, k], column[lens, k]] > 0).all()
    sample = lensing.simulate(config, 6, seed=1)
    with_map = sample.targets["substructure_map"].any(axis=(1, 2))
    assert np.array_equal(with_map, sample.targets["is_anomaly"].astype(bool))
    low, high = config.subhalo_mass_fraction
    fraction = sample.targets["subhalo_mass_fraction"]
    assert not fraction[~with_map].any()
    assert (fraction[with_map] > 0.99 * low).all()
    assert (fraction[with_map] < 1.01 * high).all()


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_fraction_of_anomalies(fraction):
    sample = lensing.simulate(SMALL, 16, seed=1, anomaly_fraction=fraction)
    assert sample.targets["is_anomaly"].sum() == 16 * fraction


def test_a_lens_turned_by_half_a_turn_is_the_lens_turned():
    """Checks the half of the rows that is copied from the other half."""
    for pixels in (32, 33):
        config = SMALL.replace(pixels=pixels, aligned=False)
        parameters = lensing.draw_parameters(config, 3, np.random.default_rng(0))
        turned = dict(parameters)
        for key in ("source_x_arcsec", "source_y_arcsec"):
            turned[key] = -turned[key]
        first, second = (
            lensing.render(config, parameters),
            lensing.render(config, turned),
        )
        np.testing.assert_allclose(first, second[:, ::-1, ::-1], rtol=1e-4)


def effective_radii(config, n, seed):
    """Radius of the circle of mean convergence one, subhalos included, by class.

    The mass in a circle follows from the deflection through it, so that neither the
    convergence map nor the formula by which hosts give up mass is used.
    """
    rng = np.random.default_rng(seed)
    anomalous = np.arange(n) % 2 == 1
    parameters = lensing.draw_parameters(config, n, rng)
    halos = lensing.draw_subhalos(config, parameters, anomalous, rng)
    if config.mass_matched:
        maps = convergence_field(lensing.pixel_axis(config), halos)
        parameters = lensing.give_up_mass(config, parameters, maps)
    angle = np.arange(180) * (2 * np.pi / 180)
    radius = np.linspace(0.6, 1.6, 101)
    x, y = radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)
    found = np.empty(n)
    for i in range(n):
        ax, ay = sie_deflection(
            x,
            y,
            theta_E=parameters["host_theta_E_arcsec"][i],
            e1=parameters["e1"][i],
            e2=parameters["e2"][i],
        )
        for k in np.flatnonzero(halos.mass[i]):
            halo = {"mass": halos.mass[i, k], "scale": halos.scale[i, k]}
            place = x - halos.x[i, k], y - halos.y[i, k]
            sx, sy = subhalo_deflection(*place, kind="sis", **halo)
            ax, ay = ax + sx, ay + sy
        # Mass over radius squared, which falls through one at the Einstein radius.
        mean = np.mean(ax * x + ay * y, axis=1) / radius**2
        found[i] = np.interp(0.0, 1 - mean, radius)
    return found[~anomalous], found[anomalous]


@pytest.mark.parametrize("preset", ["mass_matched", "default"])
def test_matched_masses_give_both_classes_one_ring_size(preset):
    matched = LensingSimulation.preset(preset).replace(mass_matched=True)
    assert ks_2samp(*effective_radii(matched, 400, seed=8)).pvalue > 0.001


@pytest.mark.parametrize(("preset", "n"), [("mass_matched", 1200), ("default", 200)])
def test_unmatched_masses_give_anomalies_away(preset, n):
    """The published sets' shortcut: substructure adds mass and widens the ring."""
    config = LensingSimulation.preset(preset).replace(mass_matched=False)
    smooth, anomalous = effective_radii(config, n, seed=8)
    assert anomalous.mean() > smooth.mean()
    assert ks_2samp(smooth, anomalous).pvalue < 0.001


def test_unknown_preset(refused):
    words = "physics.preset = none", "expected one of default"
    with refused(ConfigError, *words, hint="Use default, or slc"):
        LensingSimulation.preset("none")


def golden_numbers(preset):
    sample = lensing.simulate(LensingSimulation.preset(preset), 3, seed=2024)
    images = sample.inputs["image"][..., 0].astype(float)
    middle, step = images.shape[1] // 2, images.shape[1] // 8
    places = [(middle, middle), (middle, middle + step), (middle - step, middle)]
    return {
        "mean": images.mean(axis=(1, 2)).tolist(),
        "std": images.std(axis=(1, 2)).tolist(),
        "pixels": [[float(image[place]) for place in places] for image in images],
        "map_sum": sample.targets["substructure_map"].sum(axis=(1, 2)).tolist(),
    }


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_golden_numbers(preset, root, update_golden):
    path = root / "tests" / "golden" / "lensing_simulator.json"
    stored = json.loads(path.read_text()) if path.exists() else {}
    found = golden_numbers(preset)
    if update_golden:
        path.parent.mkdir(exist_ok=True)
        text = json.dumps(stored | {preset: found}, indent=1, sort_keys=True)
        path.write_text(text + "\n")
        return
    assert preset in stored, "store it: pytest --update-golden"
    # Rounding may differ between machines by a level of JPEG or a single photon.
    jpeg = LensingSimulation.preset(preset).eight_bit_jpeg
    close = {"atol": 2.0 if jpeg else 2e-3, "rtol": 1e-3}
    for name in found:
        np.testing.assert_allclose(found[name], stored[preset][name], **close)

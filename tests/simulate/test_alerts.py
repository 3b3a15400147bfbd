"""Simulated alerts: GalSim's profiles, right subtraction, rows by seed alone."""

import galsim
import numpy as np
import pytest

from keras_astro.data.alert_schema import CLASSES, FEATURES
from keras_astro.simulate.alert_bogus import KINDS
from keras_astro.simulate.alert_camera import Exposure, expose
from keras_astro.simulate.alert_config import (
    BOGUS_KINDS,
    AlertSimulation,
    Camera,
)
from keras_astro.simulate.alert_profiles import (
    SIDE,
    Scene,
    image,
    psf_transform,
    scene_transform,
)
from keras_astro.simulate.alerts import simulate, simulate_one


def exposure(**changes):
    plain = {
        "zero_point_mag": 26.0,
        "background_dn": 100.0,
        "noise_dn": 5.0,
        "template_noise_dn": 1.0,
        "science_fwhm": 2.4,
        "template_fwhm": 2.0,
        "offset": (0.0, 0.0),
        "mismatch": 0.0,
        "saturation_dn": 1e9,
        "flat_error": 0.0,
    }
    return Exposure(**plain | changes)


def taken(seed=0, **scenes):
    empty = {"static": Scene(), "science": Scene(), "template": Scene()}
    return expose(
        Camera(),
        scenes.pop("exposure", exposure()),
        **empty | scenes,
        added=np.zeros((SIDE, SIDE)),
        rng=np.random.default_rng(seed),
    )


def drawn(profile):
    """What GalSim draws of a profile, in the stamp's 63 x 63 pixels."""
    return profile.drawImage(nx=63, ny=63, scale=1.0, method="auto").array


@pytest.mark.parametrize("n", [0.5, 1.0, 4.0])
def test_galaxies_are_those_of_galsim(n):
    psf = galsim.Moffat(beta=3.0, fwhm=2.2)
    body = galsim.Sersic(n=n, half_light_radius=3.0, flux=1000)
    body = body.shear(e1=0.3, e2=-0.1).shift(2.3, -1.6)
    shear = galsim.Shear(e1=0.3, e2=-0.1)
    scene = Scene(galaxies=[(2.3, -1.6, 1000, n, 3.0, shear.g1, shear.g2)])
    found = image(scene_transform(scene) * psf_transform(2.2, 3.0))[:63, :63]
    expected = drawn(galsim.Convolve(body, psf))
    # The grid is periodic: light that leaves it comes back as a faint floor.
    assert np.abs(found - expected).max() < 0.02 * expected.max()
    assert found.sum() == pytest.approx(1000, rel=0.02)


def test_stars_are_those_of_galsim():
    psf = galsim.Moffat(beta=3.0, fwhm=1.8, flux=500).shift(-0.4, 3.2)
    scene = Scene(points=[(-0.4, 3.2, 500.0)])
    found = image(scene_transform(scene) * psf_transform(1.8, 3.0))[:63, :63]
    assert np.abs(found - drawn(psf)).max() < 0.01 * found.max()


def test_what_does_not_change_vanishes_and_the_noise_is_white():
    static = Scene(points=[(0.3, 0.1, 2000.0)], galaxies=[(9, 9, 3e3, 1, 4, 0.2, 0)])
    stack = np.stack([taken(seed, static=static)[..., 2] for seed in range(40)])
    assert abs(stack.mean()) < 0.1
    assert stack[:, :20, :20].std() == pytest.approx(np.hypot(5, 1), rel=0.03)
    left, right = stack[:, :, :-1].ravel(), stack[:, :, 1:].ravel()
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.03


def test_a_change_appears_with_its_sign():
    new = Scene(points=[(0.0, 0.0, 3000.0)])
    risen, faded = taken(science=new)[..., 2], taken(template=new)[..., 2]
    assert np.unravel_index(risen.argmax(), risen.shape) == (31, 31)
    assert np.unravel_index(faded.argmin(), faded.shape) == (31, 31)


def test_misregistration_leaves_a_dipole():
    star = Scene(points=[(0.0, 0.0, 20_000.0)])
    shifted = taken(static=star, exposure=exposure(offset=(0.5, 0.0)))[..., 2]
    core = shifted[28:35, 26:37]
    assert core.max() > 100
    assert core.min() < -100
    # Both lobes lie along x, where the template was moved.
    assert core.argmax() % 11 < 5 < core.argmin() % 11


def test_rows_depend_on_the_seed_and_not_on_the_processes():
    config = AlertSimulation()
    one, two = (simulate(config, 70, seed=3, jobs=jobs) for jobs in (1, 2))
    other = simulate(config, 5, seed=4)
    for name in ("stamps", "metadata"):
        np.testing.assert_array_equal(one.inputs[name], two.inputs[name])
    assert not np.array_equal(
        one.inputs["stamps"][:5], other.inputs["stamps"], equal_nan=True
    )
    labels, counts = np.unique(one.targets["label"], return_counts=True)
    assert dict(zip(labels, counts, strict=True)) == dict.fromkeys(sorted(CLASSES), 14)


@pytest.mark.parametrize("label", CLASSES)
def test_the_source_is_in_the_middle_and_upright(label):
    rng = np.random.default_rng(5)
    peaks = []
    for _ in range(25):
        stamps, metadata = simulate_one(AlertSimulation(), label, rng)
        difference = np.nan_to_num(stamps[..., 2])
        noise = 1.4826 * np.median(np.abs(difference[difference != 0]))
        peaks.append(difference[29:34, 29:34].max() / noise)
        assert np.isfinite(metadata[list(FEATURES).index("magpsf_mag")])
    assert np.median(peaks) > 5


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_bogus(kind):
    assert set(KINDS) == set(BOGUS_KINDS)
    config = AlertSimulation(bogus={kind: 1.0})
    stamps, _ = simulate_one(config, "bogus", np.random.default_rng(1))
    assert stamps.shape == (63, 63, 3)
    assert np.isfinite(stamps).mean() > 0.4


def test_shares_may_be_uneven():
    config = AlertSimulation(shares={"SN": 0.1, "bogus": 0.9})
    labels = simulate(config, 60, seed=0).targets["label"]
    assert np.sum(labels == "SN") in (5, 6, 7)

import numpy as np
import pytest

from keras_astro.simulate.injection import inject_subhalos
from keras_astro.simulate.lens_config import LensingSimulation
from keras_astro.simulate.lensing import simulate


@pytest.fixture(scope="module")
def images():
    config = LensingSimulation(peak_counts=0.0, background_rms=0.0)
    return simulate(config, 4, seed=5, anomaly_fraction=0.0).inputs["image"]


def test_changes_are_near_the_ring(images):
    before = images.copy()
    changed = inject_subhalos(images, seed=1, ring_fraction=10 / 64)
    assert np.array_equal(images, before)
    assert changed.shape == images.shape
    assert changed.dtype == images.dtype
    y, x = np.indices(images.shape[1:3]) - 31.5
    radius = np.hypot(x, y)
    change = np.abs(changed - images).mean(axis=(0, 3))
    ring, outside = (radius > 5) & (radius < 15), radius > 25
    assert change[ring].mean() > 10 * change[outside].mean()
    assert (np.abs(changed - images).max(axis=(1, 2, 3)) > 0.01).all()


def test_seed_decides(images):
    first = inject_subhalos(images, seed=1)
    assert np.array_equal(first, inject_subhalos(images, seed=1))
    assert not np.allclose(first, inject_subhalos(images, seed=2))


def test_without_subhalos_nothing_changes(images):
    assert np.array_equal(inject_subhalos(images, seed=1, count=0), images)


def test_bands_are_warped_alike(images):
    bands = np.concatenate([images, 2 * images], axis=-1)
    warped = inject_subhalos(bands, seed=3)
    np.testing.assert_allclose(warped[..., 1], 2 * warped[..., 0], rtol=1e-5)

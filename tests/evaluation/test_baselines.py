import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from keras_astro.errors import ArtefactError, DataError
from keras_astro.evaluation import PcaResidual, TangentResidual, stretched
from keras_astro.metrics import auc


def ring(radius, angle, size=16):
    """Images `(row, y, x)` of a ring whose bright spot goes round with the angle."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2.0
    r, phi = np.hypot(y, x), np.arctan2(y, x)
    profile = np.exp(-((r - radius[:, None, None]) ** 2) / 2.0)
    return profile * np.exp(2.0 * np.cos(phi - angle[:, None, None]) - 1.0)


@pytest.fixture(scope="module")
def rings():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 700)
    radius = np.where(np.arange(700) < 600, 4.5, 4.9)
    cube = ring(radius, angle) + rng.normal(scale=0.03, size=(700, 16, 16))
    return cube[:500], cube[500:], np.repeat([0, 1], 100)


def test_pca_residual_is_scikit_learns_reconstruction_error(rings):
    train, test, _ = rings
    for rows in (slice(None), slice(0, 100)):
        flat = train[rows].reshape(len(train[rows]), -1)
        theirs = PCA(20, svd_solver="full").fit(flat)
        target = test.reshape(len(test), -1)
        error = target - theirs.inverse_transform(theirs.transform(target))
        found = PcaResidual(components=20).fit(train[rows]).score(test)
        np.testing.assert_allclose(found, np.mean(error**2, axis=1), rtol=1e-6)


def test_tangent_residual_is_the_distance_to_the_local_plane(rings):
    train, test, _ = rings
    model = TangentResidual(neighbours=15, directions=4, components=30).fit(train)
    reduced = PCA(30, svd_solver="full").fit(train.reshape(500, -1))
    bank = reduced.transform(train.reshape(500, -1))
    rows = reduced.transform(test[:6].reshape(6, -1))
    near = NearestNeighbors(n_neighbors=15).fit(bank).kneighbors(rows)[1]
    for row, index, found in zip(rows, near, model.score(test[:6]), strict=True):
        local = PCA(4, svd_solver="full").fit(bank[index])
        plane = local.inverse_transform(local.transform(row[None]))[0]
        assert found == pytest.approx(np.sum((row - plane) ** 2), rel=1e-6)


def test_the_curved_baseline_sees_a_radius_off_the_manifold(rings):
    train, test, labels = rings
    tangent = TangentResidual(neighbours=20, directions=4, components=40)
    assert auc(labels, tangent.fit(train).score(test)) > 0.95


def test_flips_make_mirrored_images_normal():
    half = ring(np.full(60, 4.0), np.linspace(0.0, np.pi, 60))
    plain = TangentResidual(neighbours=5, directions=2, components=8)
    flipped = TangentResidual(
        neighbours=5, directions=2, components=8, flips=("y", "x")
    )
    mirrored = half[:, ::-1][20:40]
    before = plain.fit(half).score(mirrored)
    after = flipped.fit(half).score(mirrored)
    assert np.all(after < 0.01 * before)


def test_exact_neighbours_are_no_division_by_zero():
    model = TangentResidual(neighbours=4, directions=2, components=3)
    scores = model.fit(np.tile([[1.0, 2.0, 3.0]], (10, 1))).score([[1.0, 2.0, 3.0]])
    assert scores.tolist() == [0.0]


def test_unfit_inputs_are_refused(rings, refused):
    train, test, _ = rings
    for model in (PcaResidual(), TangentResidual()):
        with refused(ArtefactError, "expected a fit", "none", hint="Call fit(images)"):
            model.score(test)
    with pytest.raises(DataError, match="fitted on 256 pixels an image, received 64"):
        PcaResidual(components=2).fit(train).score(test[:, ::2, ::2])
    with pytest.raises(DataError, match="NaN"):
        PcaResidual().fit(np.full((3, 4, 4), np.nan))
    with pytest.raises(DataError, match="at least 600 normal images, received 500"):
        TangentResidual(neighbours=600).fit(train)
    with pytest.raises(DataError, match="more than that many"):
        TangentResidual(neighbours=10, directions=10)
    with pytest.raises(DataError, match="flips"):
        TangentResidual(flips=("z",)).fit(train)


def test_stretch_is_asinh_of_the_peak_fraction_and_bins_the_centre():
    cube = np.random.default_rng(1).uniform(1.0, 9.0, size=(2, 11, 9))
    found = stretched(cube, softening=0.2, factor=4)
    bright = np.arcsinh(cube / (0.2 * cube.max(axis=(1, 2), keepdims=True)))
    assert found.shape == (2, 2, 2)
    assert found[1, 0, 1] == pytest.approx(bright[1, 1:5, 4:8].mean())
    np.testing.assert_allclose(found, stretched(7.0 * cube, softening=0.2, factor=4))
    assert stretched(np.zeros((1, 8, 8, 3))).shape == (1, 2, 2, 3)

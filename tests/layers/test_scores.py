"""The layers between an image and its decision, against closed forms."""

import numpy as np
import pytest
from keras import ops
from scipy.ndimage import gaussian_filter

from keras_astro.errors import DataError
from keras_astro.layers.conformal import (
    AtMost,
    CombinedScore,
    ConformalPValue,
    fit_reference,
)
from keras_astro.layers.pca import PrincipalComponents, fit_components
from keras_astro.layers.physics import (
    EinsteinRadiusPull,
    GaussianNegativeLogLikelihood,
    GaussianParameters,
)
from keras_astro.layers.residual import AnomalyMap, MapMaximum
from keras_astro.layers.tangent import TangentResidual, fit_subspaces


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_components_are_those_of_an_svd_and_invert(rng):
    rows = rng.normal(size=(200, 12)) @ rng.normal(size=(12, 12))
    mean, basis, scale = fit_components([rows[:90], rows[90:]], 4)
    layer = PrincipalComponents(4, (3, 4, 1))
    layer.set_basis(mean, basis, scale)
    frames = rows.reshape(-1, 3, 4, 1).astype("float32")
    found = np.asarray(layer(layer(frames), inverse=True)).reshape(-1, 12)
    centred = rows - rows.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:4]
    wanted = centred @ directions.T @ directions + rows.mean(axis=0)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    np.testing.assert_allclose(np.mean(np.asarray(layer(frames)) ** 2), 1, rtol=1e-3)


@pytest.mark.parametrize("rows", [np.ones((50, 6)), np.eye(4, 6)])
def test_components_of_nothing_are_refused(rows):
    with pytest.raises(DataError):
        fit_components([rows], 4)


def test_tangent_residual_is_the_distance_to_the_nearest_plane(rng):
    plane = rng.normal(size=(2, 5))
    rows = rng.normal(size=(300, 2)) @ plane
    layer = TangentResidual(3, 2)
    layer.set_subspaces(*fit_subspaces(rows, clusters=3, rank=2, seed=0))
    normal = np.linalg.svd(plane)[2][4]
    away = (rows + 0.7 * normal).astype("float32")
    np.testing.assert_allclose(layer(away), 0.7**2 / 5, rtol=1e-3)
    np.testing.assert_allclose(layer(rows.astype("float32")), 0, atol=1e-8)


def test_anomaly_map_is_the_smoothed_residual_over_its_sd(rng):
    image, drawn = rng.normal(size=(2, 4, 24, 24, 1)).astype("float32")
    layer = AnomalyMap(1.5)
    layer((image, drawn))
    sd = rng.uniform(1, 2, (24, 24))
    layer.set_expected_sd(sd)
    smooth = [
        gaussian_filter(r, 1.5, mode="constant", radius=5)
        for r in (image - drawn)[..., 0]
    ]
    wanted = np.stack(smooth) / np.maximum(sd, np.median(sd))
    found = np.asarray(layer((image, drawn)))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    largest = MapMaximum()(found)
    np.testing.assert_allclose(largest, np.abs(wanted).max((1, 2)), atol=1e-5)


def test_combined_score_grows_with_each_part_and_is_dominated_by_the_largest(rng):
    normal = [rng.chisquare(40, 500) / 40, np.abs(rng.normal(size=500))]
    layer = CombinedScore([True, False])
    tensors = [ops.convert_to_tensor(p, "float32") for p in normal]
    layer(tensors)
    layer.set_reference(*fit_reference(normal, layer.energies))

    def score(energy, pull):
        return float(layer([ops.array([energy]), ops.array([pull])])[0])

    usual = score(1.0, 0.7)
    assert usual < score(1.5, 0.7) < score(3.0, 0.7)
    assert usual < score(1.0, 2.0) < score(1.0, 8.0)
    assert score(1.0, 8.0) > 0.9 * score(1.3, 8.0)


def test_p_values_are_uniform_on_normal_rows_and_never_zero(rng):
    layer = ConformalPValue(199)
    layer.set_calibration(rng.normal(size=199))
    scores = rng.normal(size=20000).astype("float32")
    p = np.asarray(layer(ops.array(scores)))
    # A calibration set of 199 leaves this much freedom around the nominal rate.
    assert np.mean(p <= 0.1) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 199))
    assert float(layer(ops.array([99.0]))[0]) == pytest.approx(1 / 200)
    flags = np.asarray(AtMost(0.1)(ops.array(p)))
    np.testing.assert_array_equal(flags > 0.5, p <= 0.1 + 1e-6)


def test_pull_counts_sigmas_from_the_median():
    layer = EinsteinRadiusPull()
    layer([ops.ones((1,)), ops.ones((1,))])
    layer.set_reference(np.random.default_rng(0).normal(1.0, 0.03, 4001))
    found = layer([ops.array([1.05]), ops.array([0.04])])
    assert float(found[0]) == pytest.approx(1.0, abs=0.05)


def test_gaussian_likelihood_is_that_of_scipy(rng):
    from scipy.stats import norm

    truth, mean = rng.normal(size=(2, 50, 3)).astype("float32")
    log_variance = rng.uniform(-1, 1, (50, 3)).astype("float32")
    raw = np.concatenate([mean, log_variance], axis=1)
    units = GaussianParameters(3)
    _, sd = units(raw)
    wanted = -norm.logpdf(truth, mean, np.asarray(sd)).mean() - 0.5 * np.log(2 * np.pi)
    found = float(GaussianNegativeLogLikelihood()(truth, raw))
    assert found == pytest.approx(wanted, rel=1e-4)

"""Distances from the training rows against NumPy's own."""

import keras
import numpy as np
import pytest

from keras_astro import registry
from keras_astro.layers.domain import (
    LabelExtent,
    LatentDistance,
    ReconstructionResidual,
    ResidualLevel,
)


def spectra(seed=0):
    rng = np.random.default_rng(seed)
    flux, model = rng.normal(size=(2, 4, 50)).astype("float32")
    return flux, model, (rng.random((4, 50)) < 0.8).astype("float32")


def test_residuals_count_good_pixels_alone():
    flux, model, good = spectra()
    expected = [
        np.mean((f - m)[g > 0] ** 2) for f, m, g in zip(*spectra(), strict=True)
    ]
    found = np.asarray(ReconstructionResidual()([flux, model, good]))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    level = np.asarray(ResidualLevel()([flux, model, good]))
    np.testing.assert_allclose(level[:, 0], np.sqrt(expected), rtol=1e-5)
    empty = np.asarray(ReconstructionResidual()([flux, model, 0 * good]))
    assert np.isfinite(empty).all()


def test_level_stays_in_the_range_of_training():
    flux, model, good = spectra()
    layer = ResidualLevel()
    free = np.asarray(layer([flux, model, good]))
    low, high = np.sort(free[:, 0])[[1, 2]]
    layer.set_range(low, high)
    found = np.asarray(layer([flux, model, good]))
    np.testing.assert_allclose(found, np.clip(free, low, high))


def test_latent_distance_is_that_of_mahalanobis():
    rng = np.random.default_rng(1)
    codes = rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 3)) + [1, 2, 3]
    layer = LatentDistance(3)
    layer(codes[:1].astype("float32"))
    layer.set_reference(codes)
    found = np.asarray(layer(codes.astype("float32")))
    centered = codes - codes.mean(axis=0)
    inverse = np.linalg.inv(np.cov(codes, rowvar=False))
    expected = np.einsum("ri,ij,rj->r", centered, inverse, centered) / 3
    np.testing.assert_allclose(found, expected, rtol=0.1)
    assert found.mean() == pytest.approx(1.0, abs=0.05)


def test_codes_in_a_plane_have_a_distance_too():
    codes = np.random.default_rng(0).normal(size=(100, 1)) * np.ones((1, 4))
    layer = LatentDistance(4)
    layer(codes[:1].astype("float32"))
    layer.set_reference(codes)
    inside, off = codes[:1], codes[:1] + [[3.0, -3.0, 0.0, 0.0]]
    near, far = (float(layer(c.astype("float32"))[0]) for c in (inside, off))
    assert far > 100 * max(near, 1.0)


def test_extent_is_one_at_the_edge():
    layer = LabelExtent(2)
    rows = np.array([[3000.0, 0.0], [4000.0, 0.0], [3500.0, 1.0]], "float32")
    layer(rows)
    layer.set_range([3000.0, -0.5], [4000.0, 0.5])
    np.testing.assert_allclose(np.asarray(layer(rows)), [1.0, 1.0, 2.0], rtol=1e-5)


def test_saved_and_loaded(tmp_path):
    registry.load_all()
    inputs = [keras.Input((50,)) for _ in range(3)]
    level = ResidualLevel(name="level")(inputs)
    outputs = {
        "mse": ReconstructionResidual()(inputs),
        "distance": LatentDistance(1, name="distance")(level),
        "extent": LabelExtent(1, name="extent")(level),
    }
    model = keras.Model(inputs, outputs)
    model.get_layer("level").set_range(0.5, 1.2)
    model.get_layer("distance").set_reference(np.arange(5.0)[:, None])
    model.get_layer("extent").set_range([1.0], [3.0])
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    for name, value in model(list(spectra())).items():
        np.testing.assert_array_equal(loaded(list(spectra()))[name], value)

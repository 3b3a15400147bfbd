"""Normalisation in the graph: units and tilts drop out, bad pixels do no harm."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_astro import registry
from keras_astro.errors import ConfigError
from keras_astro.preprocessing.continuum import (
    FillBadPixels,
    PseudoContinuum,
    running_mean,
)

PIXELS = 700
PLACE = np.linspace(-1, 1, PIXELS)


def spectra(rows=3, seed=0):
    rng = np.random.default_rng(seed)
    flux = np.ones((rows, PIXELS))
    for center in rng.uniform(-1, 1, 12):
        flux -= 0.3 * np.exp(-0.5 * ((PLACE - center) / 0.01) ** 2)
    return flux.astype("float32")


def filled(flux, ivar=None, mask=None, pixels=21):
    ivar = np.ones_like(flux) if ivar is None else ivar
    mask = np.zeros_like(flux) if mask is None else mask
    found = FillBadPixels(pixels)([flux, ivar, mask])
    return [np.asarray(part) for part in found]


def test_good_spectra_pass_unchanged():
    flux = spectra()
    found, good = filled(flux)
    np.testing.assert_array_equal(found, flux)
    assert (good == 1).all()


@pytest.mark.parametrize("kind", ["mask", "ivar", "nan"])
def test_bad_pixels_become_like_their_neighbours(kind):
    flux = np.full((2, PIXELS), 5.0, "float32")
    bad = np.zeros(flux.shape, bool)
    bad[:, [0, 50, 51, PIXELS - 1]] = True
    broken = np.where(bad, np.nan if kind == "nan" else 1e6, flux).astype("float32")
    ivar = np.where(bad, 0.0, 1.0) if kind == "ivar" else np.ones(flux.shape)
    mask = bad if kind == "mask" else np.zeros(flux.shape)
    found, good = filled(broken, ivar.astype("float32"), mask.astype("float32"))
    np.testing.assert_allclose(found, 5.0, rtol=1e-5)
    np.testing.assert_array_equal(good, ~bad)


def test_long_gaps_get_the_mean_and_an_empty_spectrum_is_finite():
    flux = np.full((2, PIXELS), 3.0, "float32")
    mask = np.zeros_like(flux)
    mask[0, 100:300] = 1
    mask[1] = 1
    found, _ = filled(flux, mask=mask)
    np.testing.assert_allclose(found[0], 3.0, rtol=1e-4)
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("unit", [1e-14, 1.0, 7e5])
def test_unit_and_tilt_drop_out(unit):
    flux = spectra()
    layer = PseudoContinuum(20, smooth_pixels=9)
    plain = np.asarray(layer(flux))
    tilted = np.asarray(layer((unit * flux * (1 + 0.2 * PLACE)).astype("float32")))
    np.testing.assert_allclose(tilted, plain, atol=0.005)
    assert np.median(plain) == pytest.approx(1.0, abs=0.02)


def test_a_polynomial_of_its_degree_is_removed():
    flux = (2.0 + 0.5 * PLACE - 0.3 * PLACE**2)[None].astype("float32")
    layer = PseudoContinuum(35, smooth_pixels=1, degree=2)
    np.testing.assert_allclose(np.asarray(layer(flux)), 1.0, atol=0.005)


def test_an_empty_spectrum_passes():
    flux = np.zeros((1, PIXELS), "float32")
    np.testing.assert_array_equal(np.asarray(PseudoContinuum(10)(flux)), flux)


def test_too_few_pixels_or_bins_are_refused():
    with pytest.raises(ConfigError, match="only 10 pixels"):
        PseudoContinuum(35)(np.ones((1, 10), "float32"))
    with pytest.raises(ConfigError, match="degree 3 needs more than 3 bins"):
        PseudoContinuum(3, degree=3)


def test_saved_and_loaded(tmp_path):
    registry.load_all()
    names = ("flux", "ivar", "mask")
    inputs = [keras.Input((PIXELS,), name=name) for name in names]
    filled_flux, _ = FillBadPixels(11)(inputs)
    model = keras.Model(inputs, PseudoContinuum(20, 5, 2)(filled_flux))
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    flux = spectra()
    rows = [flux, np.ones_like(flux), np.zeros_like(flux)]
    found, wanted = loaded.predict_on_batch(rows), model.predict_on_batch(rows)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("length", [1, 10, 60])
@pytest.mark.parametrize("pixels", [1, 2, 15, 41, 64])
def test_running_means_are_those_of_pooling(length, pixels):
    table = np.random.default_rng(0).normal(size=(3, length)).astype("float32")
    wanted = ops.average_pool(table[..., None], pixels, strides=1, padding="same")
    found = running_mean(ops.convert_to_tensor(table), pixels)
    np.testing.assert_allclose(found, np.asarray(wanted)[..., 0], atol=1e-5)


def test_a_coarse_fit_scales_no_spectrum():
    flux = 1e3 * spectra()
    layer = PseudoContinuum(7)
    exact = np.asarray(layer(flux))
    layer.solve.assign(np.asarray(layer.solve) * (1 + 1e-3))
    # The second pass sees what the first left over, a thousandth, and fits that.
    scale = np.abs(exact).max()
    np.testing.assert_allclose(np.asarray(layer(flux)), exact, atol=1e-5 * scale)


def test_half_precision_is_as_good_as_its_numbers():
    flux = spectra()
    exact = np.asarray(PseudoContinuum(7)(flux))
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        half = np.asarray(ops.cast(PseudoContinuum(7)(flux), "float32"))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert np.sqrt(np.mean((half - exact) ** 2)) < 0.01

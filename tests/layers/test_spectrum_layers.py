"""Layers on spectra: pixels that count, pixels that vary, shifts, Voigt profiles."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.interpolate import BSpline
from scipy.ndimage import uniform_filter1d

from keras_astro.layers.absorption import Absorption, WeightedMeanSquare
from keras_astro.layers.active import ActivePixels, find_active
from keras_astro.layers.shift import C_KMS, RestSample, SplineShift, spline_nodes
from keras_astro.models.voigt_decoder import voigt_layer
from keras_astro.simulate.cgm import render
from keras_astro.simulate.cgm_clouds import draw_gas
from keras_astro.simulate.cgm_config import NINE_LINES, CgmSimulation
from keras_astro.simulate.cgm_ionisation import IONS
from keras_astro.simulate.cgm_lines import get_line

RNG = np.random.default_rng(0)


def test_pixels_without_information_get_no_weight_and_no_absorption():
    flux = np.array([[0.5, np.nan, np.inf, 0.5, 0.5, 0.5]], "float32")
    ivar = np.array([[4.0, 1.0, 1.0, 0.0, np.nan, 9.0]], "float32")
    mask = np.array([[0, 0, 0, 0, 0, 1]], "uint8")
    lost, weight = Absorption()([flux, ivar, mask])
    assert np.asarray(lost).tolist() == [[0.5, 0, 0, 0, 0, 0]]
    assert np.asarray(weight).tolist() == [[4.0, 0, 0, 0, 0, 0]]


def test_mean_square_of_rows_without_any_weight_is_zero():
    pair = np.ones((2, 3), "float32"), np.zeros((2, 3), "float32")
    weight = np.array([[2.0, 0.0, 4.0], [0.0, 0.0, 0.0]], "float32")
    assert np.asarray(WeightedMeanSquare()([*pair, weight])).tolist() == [3.0, 0.0]
    plain = WeightedMeanSquare(weighted=False)([*pair, weight])
    assert np.asarray(plain).tolist() == [1.0, 0.0]


def test_active_pixels_come_back_where_they_were(tmp_path):
    layer = ActivePixels(50, 7, name="active")
    chosen, rest = np.arange(3, 45, 6), RNG.random(50).astype("float32")
    layer.set_pixels(chosen, rest=rest)
    x = RNG.random((4, 50)).astype("float32")
    inputs = keras.Input((50,))
    model = keras.Model(inputs, layer(layer(inputs), inverse=True))
    model.save(tmp_path / "a.keras")
    found = keras.saving.load_model(tmp_path / "a.keras").predict(x, verbose=0)
    assert np.array_equal(found[:, chosen], x[:, chosen])
    others = np.setdiff1d(np.arange(50), chosen)
    assert np.array_equal(found[:, others], np.repeat(rest[None, others], 4, 0))


def test_what_varies_is_found_above_noise():
    noise = 0.05
    flux = RNG.normal(0, noise, (800, 1000))
    flux[:, 300:340] += RNG.normal(0, 0.1, (800, 1))
    variance = flux.var(axis=0)
    found = find_active(variance, 800, lost_variance=1e-3, smooth_pixels=9)
    assert set(range(302, 338)) <= set(found)
    assert len(found) < 60


def test_lost_variance_bounds_what_is_left_out():
    variance = np.concatenate([np.zeros(600), np.geomspace(1e-9, 1e-2, 400)])
    found = find_active(variance, 100, lost_variance=1e-2, smooth_pixels=1)
    left = np.setdiff1d(np.arange(1000), found)
    assert variance[left].sum() <= 1e-2 * variance.sum()
    assert len(found) < 250


def test_a_line_of_one_row_in_thousands_is_kept_and_a_bad_pixel_is_not():
    flux = RNG.normal(0, 0.03, (3000, 800)).astype("float32")
    depth = np.exp(-0.5 * ((np.arange(800) - 400) / 4.0) ** 2)
    flux[:, 100:160] -= RNG.uniform(0, 1, (3000, 1)).astype("float32")
    flux[7] -= 0.8 * depth.astype("float32")
    flux[9, 600] = 0.6
    span = np.ptp(uniform_filter1d(flux, 9, axis=1), axis=0)
    variance = flux.var(axis=0)
    asked = {"lost_variance": 1e-3, "smooth_pixels": 9}
    assert not set(range(390, 411)) & set(find_active(variance, 3000, **asked))
    found = find_active(variance, 3000, span=span, least_span=0.1, **asked)
    assert set(range(395, 406)) <= set(found)
    assert set(found) <= {*range(90, 170), *range(380, 421)}


def test_spectra_that_never_vary_leave_one_pixel():
    found = find_active(np.zeros(20), 10, lost_variance=1e-3, smooth_pixels=3)
    assert len(found) == 1


def grid(pixels=60, step_kms=14.0):
    return 1400.0 * np.exp(np.arange(pixels) * step_kms / C_KMS)


@pytest.mark.parametrize("velocity", [0.0, 0.37, -2.9])
def test_a_spline_is_shifted_as_a_whole(velocity):
    wavelength = grid()
    places, nodes = spline_nodes(wavelength, step_kms=8.0, reach_kms=350.0)
    layer = SplineShift(60, nodes, 8.0)
    layer.set_places(places)
    coefficients = RNG.normal(size=(1, nodes)).astype("float32")
    found = layer([coefficients, np.array([[velocity]], "float32")])
    # A cubic basis spline k is centred on node k and reaches two nodes far.
    spline = BSpline(np.arange(-2, nodes + 2), coefficients[0].astype(float), 3)
    exact = spline(places - velocity * 100.0 / 8.0)
    assert np.allclose(found[0], exact, atol=2e-5)


def test_gradients_reach_velocity_and_coefficients():
    places, nodes = spline_nodes(grid(), step_kms=8.0, reach_kms=350.0)
    layer = SplineShift(60, nodes, 8.0)
    layer.set_places(places)
    c = tf.constant(RNG.normal(size=(2, nodes)).astype("float32"))
    v = tf.constant([[0.3], [-1.1]])
    with tf.GradientTape() as tape:
        tape.watch([c, v])
        total = tf.reduce_sum(layer([c, v]) ** 2)
    by_c, by_v = tape.gradient(total, [c, v])
    step = 1e-3
    ends = [tf.reduce_sum(layer([c, v + s]) ** 2, axis=1) for s in (step, -step)]
    assert np.allclose(by_v[:, 0], (ends[0] - ends[1]) / (2 * step), rtol=2e-2)
    assert np.abs(by_c).max() > 0


def test_a_moved_line_is_read_at_rest():
    wavelength = grid(200)
    velocity = np.array([[1.5], [-0.8]])
    x = np.log(wavelength / wavelength[100]) * C_KMS
    moved = np.exp(-0.5 * ((x - 100.0 * velocity) / 60.0) ** 2)
    layer = RestSample(200)
    layer.set_grid(wavelength)
    found = np.asarray(layer([moved.astype("float32"), velocity.astype("float32")]))
    still = np.exp(-0.5 * (x / 60.0) ** 2)
    assert np.abs(found - still).max() < 0.02


def test_runs_do_not_leak_into_each_other():
    wavelength = np.concatenate([grid(30), grid(30) * 1.2])
    layer = RestSample(60)
    layer.set_grid(wavelength, np.repeat([0, 1], 30))
    spectrum = np.repeat([[1.0, 0.0]], 30, axis=1).reshape(1, 60)
    spectrum = np.concatenate([np.ones(30), np.zeros(30)])[None].astype("float32")
    for velocity in (-3.0, 3.0):
        found = layer([spectrum, np.array([[velocity]], "float32")])
        assert np.allclose(found, spectrum, atol=1e-6)


def test_voigt_layer_agrees_with_the_simulator():
    config = CgmSimulation()
    gas = draw_gas(config, 40, np.random.default_rng(1))
    wavelength = config.wavelength_angstrom
    chosen = np.flatnonzero(np.abs(wavelength - 1548.204 * 1.2) < 4.0)
    lines = [get_line(name) for name in NINE_LINES]
    ions = list(dict.fromkeys(line.ion for line in lines))
    layer = voigt_layer(wavelength, chosen, lines, ions, redshift=0.2, fwhm_kms=18.0)
    columns = gas.log_columns()[:, 0, [IONS.index(ion) for ion in ions]]
    parameters = np.column_stack(
        [
            gas.velocity_kms[:, 0] / 100.0,
            np.log10(gas.turbulence_kms[:, 0]),
            gas.log_temperature[:, 0],
            columns,
        ]
    ).astype("float32")
    found = np.asarray(layer(parameters))
    exact = 1.0 - render(config, gas)[:, chosen]
    assert found.shape == exact.shape
    assert np.abs(found - exact).max() < 1e-3

"""Corrected widths: wrong ones are found and mended, right ones are left alone."""

import keras
import numpy as np
import pytest
from scipy.special import ndtr

from keras_astro.layers.box_mixture import QUANTILES, BoxMixture, raw_width
from keras_astro.layers.box_stretch import calibrate, fit_stretch
from keras_astro.losses.box_mixture import BoxMeanError

ROWS = 4000


def gaussians(error, power, seed=0):
    """Rows whose sds are wrong by `error` times a power of themselves."""
    rng = np.random.default_rng(seed)
    sd = np.exp(rng.uniform(-3, 0, (ROWS, 1)))
    truth = sd * rng.normal(size=(ROWS, 1))
    said = (sd / error) ** (1 / (1 + power))
    z = np.array([-1.959964, -0.994458, 0.0, 0.994458, 1.959964])
    return (
        said[..., None] * z,
        np.array(QUANTILES),
        np.zeros((ROWS, 1)),
        said,
        truth,
    )


@pytest.mark.parametrize(("error", "power"), [(1.0, 0.0), (0.8, 0.0), (1.2, 0.1)])
def test_known_errors_are_found(error, power):
    found = fit_stretch(*gaussians(error, power))[0]
    assert found[0] == pytest.approx(np.log(error), abs=0.06)
    assert found[1] == pytest.approx(power, abs=0.03)


def test_errors_that_depend_on_a_condition_are_found():
    quantiles, levels, centre, sd, truth = gaussians(1.0, 0.0)
    known = np.random.default_rng(5).uniform(-1, 1, (ROWS, 2))
    truth = truth * np.exp(0.3 * known[:, :1] - 0.2 * known[:, 1:])
    found = fit_stretch(quantiles, levels, centre, sd, truth, known)[0]
    assert found == pytest.approx([0.0, 0.0, 0.3, -0.2], abs=0.07)
    # Without them it is right on average and wrong on both sides.
    blind = fit_stretch(quantiles, levels, centre, sd, truth)[0]
    for coefficients, most in ((found, 0.03), (blind, 0.2)):
        terms = np.column_stack([np.ones(ROWS), np.log(sd), known])
        factor = np.exp(terms[:, : len(coefficients)] @ coefficients)
        inside = np.abs(truth[:, 0]) < factor * sd[:, 0] * 0.994458
        sides = [inside[known[:, 0] > 0].mean(), inside[known[:, 0] < 0].mean()]
        assert np.mean(sides) == pytest.approx(0.68, abs=0.02)
        assert abs(sides[0] - sides[1]) < most
    assert abs(sides[0] - sides[1]) > 0.1


def test_few_rows_change_little():
    few = [a if a.ndim == 1 else a[:8] for a in gaussians(0.6, 0.0)]
    assert abs(fit_stretch(*few)[0, 0]) < abs(np.log(0.6)) / 2


def test_a_stretch_multiplies_sds_around_the_same_mean():
    raw = np.random.default_rng(0).normal(size=(5, raw_width(2, 2))).astype("float32")
    layer = BoxMixture([0.0, 0.0], [1.0, 2.0], 2)
    _, _, centre, sd = layer.marginals(raw)
    layer.set_stretch([[np.log(1.3), 0.0], [0.0, 0.2]])
    _, _, moved, changed = layer.marginals(raw)
    assert np.allclose(moved, centre, atol=1e-5)
    assert np.allclose(changed[:, 0], 1.3 * sd[:, 0], rtol=1e-5)
    assert np.allclose(changed[:, 1], sd[:, 1] ** 1.2, rtol=1e-5)


def test_conditions_stretch_row_by_row():
    raw = np.random.default_rng(0).normal(size=(4, raw_width(2, 2))).astype("float32")
    known = np.array([[0.0], [1.0], [-1.0], [2.0]], "float32")
    layer = BoxMixture([0.0, 0.0], [1.0, 2.0], 2, conditions=1)
    _, _, centre, sd = layer.marginals([raw, known])
    layer.set_stretch([[0.0, 0.0, 0.1], [0.0, 0.0, -0.2]])
    _, _, moved, changed = layer.marginals([raw, known])
    assert np.allclose(moved, centre, atol=1e-5)
    assert np.allclose(changed, sd * np.exp(known * [0.1, -0.2]), rtol=1e-5)
    again = BoxMixture.from_config(layer.get_config())
    again.set_stretch(layer.stretch)
    given = [keras.ops.convert_to_tensor(v) for v in (raw, known)]
    assert np.allclose(again(given)["quantiles"], layer(given)["quantiles"])


def test_calibration_widens_a_network_that_is_too_sure():
    inputs = keras.Input((raw_width(1, 1),))
    network = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    raw = np.zeros((3000, 3), "float32")
    raw[:, 2] = np.log(0.2)
    layer = BoxMixture([0.0], [1.0], 1)
    u = 0.3 * np.random.default_rng(1).normal(size=(3000, 1))
    truth = ndtr(u)
    calibrate(network, layer, [(raw[:2000], truth[:2000]), (raw[2000:], truth[2000:])])
    wider = layer.marginals(raw)[3][0, 0]
    assert wider == pytest.approx(0.3, abs=0.03)
    q = layer(raw)["quantiles"].numpy()[:, 0]
    inside = np.mean((q[:, 1] <= truth[:, 0]) & (truth[:, 0] <= q[:, 3]))
    assert inside == pytest.approx(0.68, abs=0.02)


def test_mean_error_is_in_the_parameters_unit():
    metric = BoxMeanError(1, [0.0, 0.0], [1.0, 4.0], components=1, name="rmse")
    metric.update_state([[0.5, 1.0], [0.5, 4.0]], np.zeros((2, raw_width(2, 1))))
    assert float(metric.result()) == pytest.approx(np.sqrt((1.0 + 4.0) / 2))
    copy = BoxMeanError.from_config(metric.get_config())
    assert copy.get_config() == metric.get_config()

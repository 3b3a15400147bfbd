"""Ensembles: likelihood and mixture by formula, intervals that keep their word."""

import keras
import numpy as np
import pytest
from scipy.stats import norm

from keras_astro import registry
from keras_astro.layers.ensemble import (
    ConformalBounds,
    EnsembleMixture,
    EnsembleNegativeLogLikelihood,
    conformal_factors,
)

MEMBERS, PARAMETERS = 3, 2


def raw_rows(rows=5, seed=0):
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(rows, MEMBERS, 2, PARAMETERS))
    variance = np.exp(12 * np.tanh(raw[:, :, 1] / 12))
    return raw.reshape(rows, -1).astype("float32"), raw[:, :, 0], variance


def test_loss_is_the_mean_likelihood_of_the_members():
    raw, means, variances = raw_rows()
    truth = np.random.default_rng(1).normal(size=(5, PARAMETERS))
    loss = EnsembleNegativeLogLikelihood(MEMBERS)(truth.astype("float32"), raw)
    likelihood = norm.logpdf(truth[:, None], means, np.sqrt(variances))
    expected = -likelihood.mean() - 0.5 * np.log(2 * np.pi)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_mixture_has_the_mean_and_variance_of_draws():
    raw, means, variances = raw_rows()
    layer = EnsembleMixture(MEMBERS, PARAMETERS)
    layer(raw)
    layer.set_units([10.0, -1.0], [2.0, 5.0])
    mean, sd = (np.asarray(part) for part in layer(raw))
    second = (variances + means**2).mean(axis=1) - means.mean(axis=1) ** 2
    np.testing.assert_allclose(mean, means.mean(axis=1) * [2, 5] + [10, -1], rtol=1e-4)
    np.testing.assert_allclose(sd, np.sqrt(second) * [2, 5], rtol=1e-4)


def test_members_share_no_gradient():
    """A member's loss moves its own columns alone."""
    raw = keras.Variable(raw_rows()[0])
    truth = np.zeros((5, PARAMETERS), "float32")
    import tensorflow as tf

    with tf.GradientTape() as tape:
        whole = EnsembleNegativeLogLikelihood(MEMBERS)(truth, raw.value)
    slope = np.asarray(tape.gradient(whole, raw.value)).reshape(5, MEMBERS, -1)
    single = keras.Variable(np.asarray(raw.value).reshape(5, MEMBERS, -1)[:, 1])
    with tf.GradientTape() as tape:
        one = EnsembleNegativeLogLikelihood(1)(truth, single.value)
    alone = np.asarray(tape.gradient(one, single.value))
    np.testing.assert_allclose(slope[:, 1] * MEMBERS, alone, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("skew", [0.0, 1.0])
def test_bounds_hold_the_truth_as_often_as_they_say(skew):
    """Errors are skewed and twice as large as the model says."""
    rng = np.random.default_rng(2)

    def draw(rows):
        mean, sd = np.zeros((rows, 1)), rng.uniform(0.5, 2.0, (rows, 1))
        noise = rng.normal(size=(rows, 1))
        return mean + 2 * sd * (noise + skew * (noise**2 - 1)), mean, sd

    layer = ConformalBounds(1)
    truth, mean, sd = draw(4000)
    layer([mean.astype("float32"), sd.astype("float32")])
    layer.calibrate(truth, mean, sd)
    truth, mean, sd = draw(4000)
    ends = np.asarray(layer([mean.astype("float32"), sd.astype("float32")]))[:, 0]
    for low, high, level in ((0, 1, 0.68), (2, 3, 0.95)):
        inside = (ends[:, low] <= truth[:, 0]) & (truth[:, 0] <= ends[:, high])
        assert inside.mean() == pytest.approx(level, abs=0.025)
        left, right = (truth[:, 0] < ends[:, low]), (truth[:, 0] > ends[:, high])
        assert left.mean() == pytest.approx(right.mean(), abs=0.03)


def test_factors_take_the_conformal_ranks():
    errors = np.arange(1.0, 100.0)[:, None] - 50
    found = conformal_factors(errors, np.zeros_like(errors), np.ones_like(errors))
    # 100 places for the next error: 84 of them for the upper end of 68 %.
    np.testing.assert_allclose(found, [[-34.0, 34.0, -48.0, 48.0]])


def test_the_next_group_weighs_as_much_as_any():
    """11 stars of 10 like rows: one star of 12 may lie beyond all."""
    errors = np.repeat(np.arange(-5.0, 6.0), 10)[:, None]
    groups = np.repeat(np.arange(11), 10)
    none, one = np.zeros_like(errors), np.ones_like(errors)
    found = conformal_factors(errors, none, one, groups)
    # 0.84 of 12 stars is the 11th; of 111 rows, the 94th, which is one of the 10th.
    np.testing.assert_allclose(found, [[-5.0, 5.0, -5.0, 5.0]])
    found = conformal_factors(errors, none, one)
    np.testing.assert_allclose(found, [[-4.0, 4.0, -5.0, 5.0]])


def test_rows_of_a_group_that_err_alike_cover_new_groups():
    rng = np.random.default_rng(3)

    def draw():
        shared = rng.normal(size=(1, 15, 1))
        return np.broadcast_to(shared, (5, 15, 1)).reshape(-1, 1)

    groups, held = np.tile(np.arange(15), 5), {True: [], False: []}
    for _ in range(400):
        truth, new = draw(), draw()
        none, one = np.zeros_like(truth), np.ones_like(truth)
        for grouped, found in held.items():
            low, high = conformal_factors(
                truth, none, one, groups if grouped else None
            )[0, :2]
            found.append(np.mean((low <= new) & (new <= high)))
    assert np.mean(held[True]) > 0.68 - 0.01
    assert np.mean(held[False]) < np.mean(held[True])


def test_few_rows_give_the_widest_interval_there_is():
    errors = np.array([[-1.0], [2.0]])
    found = conformal_factors(errors, np.zeros((2, 1)), np.ones((2, 1)))
    np.testing.assert_allclose(found, [[-1.0, 2.0, -1.0, 2.0]])


def test_saved_and_loaded(tmp_path):
    registry.load_all()
    inputs = keras.Input((MEMBERS * 2 * PARAMETERS,))
    estimate = EnsembleMixture(MEMBERS, PARAMETERS)(inputs)
    model = keras.Model(inputs, ConformalBounds(PARAMETERS)(list(estimate)))
    model.compile(loss=EnsembleNegativeLogLikelihood(MEMBERS))
    model.layers[1].set_units([1.0, 2.0], [3.0, 4.0])
    model.layers[2].calibrate(*np.random.default_rng(0).uniform(1, 2, (3, 9, 2)))
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded(raw_rows()[0]), model(raw_rows()[0]))
    assert loaded.loss.members == MEMBERS

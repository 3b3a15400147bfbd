"""Scores of posteriors in a box against closed forms and against samples."""

import numpy as np
import pytest
from scipy.stats import norm

from keras_astro.errors import DataError
from keras_astro.metrics.box_posterior import BoxPosterior

LOW, HIGH = [-1.0, 10.0], [1.0, 30.0]


def mixtures(rows=40, components=3, seed=0):
    rng = np.random.default_rng(seed)
    weight = rng.dirichlet(np.ones(components), rows)
    location = rng.normal(size=(rows, components, 2))
    scale = np.tril(rng.normal(size=(rows, components, 2, 2))) * 0.3
    scale[..., [0, 1], [0, 1]] = rng.uniform(0.2, 0.8, (rows, components, 2))
    return BoxPosterior(weight, location, scale, LOW, HIGH)


def flat(rows=5):
    location = np.zeros((rows, 1, 2))
    return BoxPosterior(
        np.ones((rows, 1)), location, np.tile(np.eye(2), (rows, 1, 1, 1)), LOW, HIGH
    )


def test_a_flat_posterior_is_uniform():
    truth = np.random.default_rng(1).uniform(LOW, HIGH, (5, 2))
    assert np.allclose(flat().log_density(truth), -np.log(2.0 * 20.0))
    assert np.allclose(flat().pit(truth), (truth - LOW) / np.subtract(HIGH, LOW))
    # The score of a uniform forecast on [0, 1] is 1/3 - y + y^2.
    y = (truth - LOW) / np.subtract(HIGH, LOW)
    expected = (1 / 3 - y + y**2) * np.subtract(HIGH, LOW)
    assert np.allclose(flat().crps(truth), expected, atol=1e-3)


def test_density_integrates_to_one():
    posterior = mixtures(rows=3)
    x = np.linspace(LOW[0], HIGH[0], 401)[1:-1]
    y = np.linspace(LOW[1], HIGH[1], 401)[1:-1]
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    for row in range(3):
        repeated = BoxPosterior(
            *(
                np.repeat(a[row : row + 1], len(grid), axis=0)
                for a in (posterior.weight, posterior.location, posterior.scale)
            ),
            LOW,
            HIGH,
        )
        cell = (x[1] - x[0]) * (y[1] - y[0])
        total = np.exp(repeated.log_density(grid)).sum() * cell
        assert total == pytest.approx(1.0, abs=0.02)


def test_draws_have_uniform_transforms_and_the_expected_score():
    posterior = mixtures()
    draws = posterior.draw(400, seed=2)
    pit = np.stack([posterior.pit(draws[:, i]) for i in range(400)])
    assert np.histogram(pit, 10, (0, 1))[0] / pit.size == pytest.approx(0.1, abs=0.01)
    # CRPS = E|x - y| - E|x - x'| / 2, by samples.
    truth = draws[:, 0]
    first = np.abs(draws[:, 1:] - truth[:, None]).mean(axis=1)
    second = np.abs(draws[:, 1:200] - draws[:, 200:399]).mean(axis=1)
    found = posterior.crps(truth)
    assert found.mean(axis=0) == pytest.approx(
        (first - second / 2).mean(axis=0), rel=0.05
    )


def test_quantile_of_one_gaussian():
    posterior = flat(1)
    at = np.array([[-1 + 2 * norm.cdf(1.0), 10 + 20 * norm.cdf(-2.0)]])
    assert np.allclose(posterior.cdf(at), [[norm.cdf(1.0), norm.cdf(-2.0)]])


def test_shapes_that_disagree_are_refused(refused):
    with refused(DataError, "posterior low", "(2,)", "(1,)"):
        BoxPosterior(
            np.ones((1, 1)), np.zeros((1, 1, 2)), np.ones((1, 1, 2, 2)), [0.0], HIGH
        )


def test_weights_of_single_precision_give_no_probability_above_one():
    weight = np.tile(np.float32([[0.7, 0.3]]) * np.float32(1 + 3e-7), (4, 1))
    location = np.full((4, 2, 2), -30.0)
    scale = np.tile(np.eye(2), (4, 2, 1, 1))
    assert np.sum(weight[0], dtype=float) > 1
    posterior = BoxPosterior(weight, location, scale, LOW, HIGH)
    assert posterior.pit(np.tile([0.5, 20.0], (4, 1))).max() <= 1.0

"""Measures of classifiers against scikit-learn and closed forms."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss

from keras_astro.errors import DataError
from keras_astro.metrics.classification import (
    balanced_accuracy,
    calibration_error,
    confusion,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    stream_precision,
)


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3000, 4))
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(4, p=p) for p in chance])
    return logits, chance, truth


def test_counts_agree_with_scikit_learn(drawn):
    logits, chance, truth = drawn
    said = logits.argmax(axis=1)
    np.testing.assert_array_equal(
        confusion(truth, said, 4), confusion_matrix(truth, said)
    )
    expected = balanced_accuracy_score(truth, said)
    assert balanced_accuracy(truth, said) == pytest.approx(expected)
    found = negative_log_likelihood(logits, truth)
    assert found == pytest.approx(log_loss(truth, chance))


def test_the_temperature_is_found_again(drawn):
    logits, _, truth = drawn
    for temperature in (0.5, 1.0, 3.0):
        found = fit_temperature(logits * temperature, truth)
        assert found == pytest.approx(temperature, rel=0.08)


def test_honest_probabilities_have_no_calibration_error(drawn):
    _, chance, truth = drawn
    confidence, correct = chance.max(axis=1), chance.argmax(axis=1) == truth
    assert calibration_error(confidence, correct) < 0.03
    assert calibration_error(np.full(3000, 0.99), correct) > 0.3
    assert reliability(confidence, correct, bins=7)["rows"].sum() == 3000


def test_precision_falls_where_a_class_is_rare():
    table = np.array([[90, 10], [10, 90]])
    np.testing.assert_allclose(stream_precision(table, [0.5, 0.5]), 0.9)
    rare = stream_precision(table, [0.01, 0.99])
    assert rare[0] == pytest.approx(0.009 / (0.009 + 0.099))
    never = stream_precision(np.array([[0, 5], [0, 5]]), [0.5, 0.5])
    assert np.isnan(never[0])


def test_no_rows_are_refused(refused):
    with refused(DataError, "balanced accuracy", "none"):
        balanced_accuracy([], [])

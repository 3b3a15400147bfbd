"""Measures of classifiers against scikit-learn and closed forms."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from keras_astro.errors import DataError
from keras_astro.metrics.classification import (
    balanced_accuracy,
    confusion,
    stream_precision,
)


def test_counts_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    truth, said = rng.integers(0, 4, (2, 300))
    np.testing.assert_array_equal(
        confusion(truth, said, 4), confusion_matrix(truth, said)
    )
    expected = balanced_accuracy_score(truth, said)
    assert balanced_accuracy(truth, said) == pytest.approx(expected)


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

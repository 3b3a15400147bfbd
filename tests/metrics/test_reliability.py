import numpy as np
import pytest

from keras_astro.errors import DataError
from keras_astro.metrics import (
    classwise_calibration_error,
    reliability,
    top_label_reliability,
)


def test_bins_are_those_counted_by_hand():
    found = reliability([0, 1, 1, 0, 1], [0.0, 0.25, 0.3, 0.8, 1.0], bins=4)
    assert found.rows.tolist() == [1, 2, 2]
    np.testing.assert_allclose(found.probability, [0.0, 0.275, 0.9])
    np.testing.assert_allclose(found.frequency, [0.0, 1.0, 0.5])
    expected = (0 + 2 * 0.725 + 2 * 0.4) / 5
    assert found.calibration_error == pytest.approx(expected)


def test_equal_rows_are_equal():
    rng = np.random.default_rng(0)
    probability = rng.beta(0.2, 3.0, 1000)
    found = reliability(rng.random(1000) < probability, probability, equal_rows=True)
    assert found.rows.max() - found.rows.min() <= 1
    assert (np.diff(found.probability) > 0).all()


def test_honest_probabilities_have_little_error():
    rng = np.random.default_rng(1)
    probability = rng.random(200_000)
    honest = reliability(rng.random(200_000) < probability, probability)
    assert honest.calibration_error < 0.01


def test_a_known_distortion_has_its_known_error():
    # Events happen with p^2, and E|p - p^2| is 1/6 for uniform p.
    rng = np.random.default_rng(2)
    probability = rng.random(400_000)
    found = reliability(rng.random(400_000) < probability**2, probability, bins=100)
    assert found.calibration_error == pytest.approx(1 / 6, abs=0.005)


def test_top_label_of_two_classes_folds_the_probability():
    rng = np.random.default_rng(3)
    p = rng.uniform(0.5, 1.0, 1000)
    labels = (rng.random(1000) > p).astype(int)
    found = top_label_reliability(labels, np.stack([p, 1 - p], axis=1))
    direct = reliability(labels == 0, p)
    np.testing.assert_allclose(found.frequency, direct.frequency)


def test_classwise_error_sees_what_the_top_label_hides():
    # Class 2 never wins, and comes true twice as often as it is predicted.
    rng = np.random.default_rng(4)
    n = 100_000
    probabilities = np.tile([0.6, 0.3, 0.1], (n, 1))
    labels = rng.choice(3, n, p=[0.6, 0.2, 0.2])
    assert top_label_reliability(labels, probabilities).calibration_error < 0.01
    error = classwise_calibration_error(labels, probabilities)
    assert error == pytest.approx(0.2 / 3, abs=0.005)


def test_logits_are_refused(refused):
    with refused(DataError, "add up to 1", hint="not logits"):
        top_label_reliability([0], [[3.0, 1.0]])
    with refused(DataError, "[0, 1]", "1.5", hint="no percentages"):
        reliability([1], [1.5])


def test_other_outcomes_are_refused(refused):
    with refused(DataError, "0 and 1 only, received [", hint="happened"):
        reliability([2, 0], [0.5, 0.5])
    with refused(DataError, "1 bin or more", hint="Leave it out"):
        reliability([1, 0], [0.5, 0.5], bins=0)


def test_foreign_labels_are_refused(refused):
    with refused(DataError, "integers from 0 to 1", "[2]"):
        top_label_reliability([0, 2], [[0.5, 0.5]] * 2)
    with refused(DataError, "each of 2 rows", "(3,)", hint="argmax"):
        top_label_reliability([0, 1, 1], [[0.5, 0.5]] * 2)
    with refused(DataError, "two classes or more", hint="[1 - p, p]"):
        top_label_reliability([0, 1], [0.5, 0.5])

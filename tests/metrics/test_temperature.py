import numpy as np
import pytest
from scipy.special import softmax

from keras_astro.errors import DataError
from keras_astro.metrics import fit_temperature, top_label_reliability


def simulated(temperature, rows=40_000, seed=0):
    """Labels drawn from honest logits, and those logits made too bold."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, 4))
    honest = softmax(logits, axis=1).cumsum(axis=1)
    labels = (rng.random((rows, 1)) > honest).sum(axis=1).clip(0, 3)
    return logits * temperature, labels


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5, 20.0])
def test_the_temperature_is_recovered(temperature):
    logits, labels = simulated(temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.03)


def test_rows_that_did_not_fit_it_become_calibrated():
    logits, labels = simulated(3.0)
    temperature = fit_temperature(logits[:20_000], labels[:20_000])
    before, after = (
        top_label_reliability(
            labels[20_000:], softmax(logits[20_000:] / t, axis=1)
        ).calibration_error
        for t in (1.0, temperature)
    )
    assert before > 0.2
    assert after < 0.02


def test_a_shift_of_all_logits_changes_nothing():
    logits, labels = simulated(2.0, rows=500)
    assert fit_temperature(logits + 1e3, labels) == pytest.approx(
        fit_temperature(logits, labels), rel=1e-4
    )


@pytest.mark.parametrize(
    ("labels", "reason"),
    [([0, 0, 0], "all right"), ([1, 1, 1], "no better than chance")],
)
def test_no_best_temperature_is_said(refused, labels, reason):
    with refused(DataError, "no best one", reason, hint="Hold out more rows"):
        fit_temperature(np.tile([[3.0, 0.0]], (3, 1)), labels)


def test_bad_logits_are_refused(refused):
    with refused(DataError, "numbers (row, class)", "not finite", hint="softmax"):
        fit_temperature([[np.nan, 0.0]], [0])
    with refused(DataError, "integers from 0 to 1"):
        fit_temperature([[1.0, 0.0]], [2])

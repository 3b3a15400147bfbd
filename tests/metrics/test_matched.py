import numpy as np
import pytest

from keras_astro.metrics import auc
from keras_astro.metrics.matched import matched_auc


def confounded(signal, shift, rows=3000):
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], rows)
    radius = rng.normal(size=2 * rows) + shift * labels
    return labels, radius, rng.normal(size=2 * rows) + signal * labels


def test_pure_shortcut_falls_to_one_half():
    labels, radius, _ = confounded(0, 1.5)
    assert auc(labels, radius) > 0.8
    found = matched_auc(labels, radius, radius, strata=60)
    assert found.auc.value == pytest.approx(0.5, abs=0.03)


def test_real_signal_survives():
    labels, radius, noise = confounded(1.0, 1.5)
    found = matched_auc(labels, noise, radius)
    # Two unit Gaussians one sigma apart: AUC = Phi(1 / sqrt 2).
    assert found.auc.value == pytest.approx(0.760, abs=0.02)
    assert found.auc.low < found.auc.value < found.auc.high
    assert found.compared_fraction > 0.9


def test_disjoint_classes_give_no_number():
    labels, radius, noise = confounded(1.0, 100.0)
    found = matched_auc(labels, noise, radius)
    assert found.auc is None
    assert found.compared_fraction == 0.0


def test_without_confounding_equals_plain_auc():
    labels, radius, noise = confounded(0.7, 0.0)
    plain = auc(labels, noise)
    found = matched_auc(labels, noise, radius, strata=1)
    assert found.auc.value == pytest.approx(plain, abs=1e-12)

"""Codes and metadata to calibrated classes."""

import numpy as np

from keras_astro.layers.classes import Decision, KnownFeatures, Standardise
from keras_astro.layers.residual import ReconstructionPenalty


def test_standardised_rows():
    rng = np.random.default_rng(0)
    table = rng.normal(3, 2, (400, 5)).astype("float32")
    layer = Standardise()
    layer.set_reference(table.mean(axis=0), table.std(axis=0))
    found = np.asarray(layer(table))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=0), 1, rtol=1e-5)


def test_unknown_features_are_zero_and_said_to_be_unknown():
    layer = KnownFeatures()
    layer.set_reference([1.0, 2.0, 0.0], [1.0, 1.0, 1.0])
    found = np.asarray(layer(np.array([[np.nan, 1e30, 99.0]], "float32")))
    # What lies far outside of the training rows is as far as they ever were.
    assert found.tolist() == [[0, 0, 5, 0, 0, 1]]


def test_decisions_abstain_below_the_level():
    table = np.array([[0.7, 0.2, 0.1], [0.3, 0.45, 0.25]], "float32")
    chosen, confidence, abstains = map(np.asarray, Decision(0.5)(table))
    assert chosen.tolist() == [0, 1]
    np.testing.assert_allclose(confidence, [0.7, 0.45])
    assert abstains.tolist() == [0, 1]


def test_the_penalty_is_the_weighted_mean_square_and_passes_on():
    layer = ReconstructionPenalty(3.0)
    frame, drawn = np.ones((2, 4, 4, 1)), np.zeros((2, 4, 4, 1))
    logits = np.ones((2, 5))
    assert layer([frame, drawn, logits]).shape == (2, 5)
    assert float(layer.losses[0]) == 3.0
    assert layer([frame, drawn]).shape == (2, 4, 4, 1)

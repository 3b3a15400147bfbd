import keras
import numpy as np

from keras_astro.errors import ConfigError
from keras_astro.inference.distributions import Predictive, gaussian
from keras_astro.layers.predictive import PredictiveMoments
from keras_astro.models.classifier import class_head, with_probabilities
from keras_astro.models.ensemble import classification_ensemble, regression_ensemble
from keras_astro.models.regressor import parameter_head


def members(count, parameters=2):
    heads = [parameter_head(4, parameters, hidden=(5,)) for _ in range(count)]
    found = []
    for head in heads:
        moments = PredictiveMoments("gaussian", parameters)
        moments.set_units(np.arange(parameters) + 1.0, np.arange(parameters) + 2.0)
        found.append(keras.Model(head.input, moments(head.output), name="member"))
    return heads, found


def rows(n=6):
    return np.random.default_rng(0).normal(size=(n, 4)).astype("float32")


def test_moments_are_those_of_the_equal_mixture():
    heads, found = members(3)
    outputs = regression_ensemble(found)(rows())
    parts = [
        gaussian(head(rows())).in_units(np.arange(2) + 1.0, np.arange(2) + 2.0)
        for head in heads
    ]
    whole = Predictive(
        np.full((6, 3), 1 / 3),
        np.concatenate([part.means for part in parts], axis=1),
        np.concatenate([part.factors for part in parts], axis=1),
    )
    np.testing.assert_allclose(outputs["mean"], whole.mean(), rtol=1e-5)
    np.testing.assert_allclose(outputs["variance"], whole.sd() ** 2, rtol=1e-5)
    spread = np.var([part.mean() for part in parts], axis=0)
    np.testing.assert_allclose(outputs["disagreement"], spread, rtol=1e-4)


def test_equal_members_do_not_disagree():
    _, (one, _) = members(2)
    outputs = regression_ensemble([one, one])(rows())
    np.testing.assert_allclose(outputs["disagreement"], 0.0, atol=1e-9)
    np.testing.assert_allclose(outputs["variance"], one(rows())[1] ** 2, rtol=1e-5)


def test_probabilities_are_averaged():
    found = [with_probabilities(class_head(4, 3), t) for t in (0.5, 1.0, 2.0)]
    outputs = classification_ensemble(found)(rows())["probability"]
    expected = np.mean([member(rows()) for member in found], axis=0)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)


def test_members_keep_their_weights():
    _, found = members(2)
    ensemble = regression_ensemble(found)
    assert {id(w) for w in ensemble.weights} == {
        id(w) for member in found for w in member.weights
    }


def test_members_that_do_not_match_are_refused(refused):
    _, two = members(2)
    _, other = members(1, parameters=3)
    with refused(ConfigError, "member 1", "member 0"):
        regression_ensemble([two[0], other[0]])
    with refused(ConfigError, "two members or more, received 1", hint="seed"):
        regression_ensemble(two[:1])
    with refused(ConfigError, "(mean, sd)", hint="PredictiveMoments"):
        regression_ensemble([class_head(4, 3), class_head(4, 3)])

"""Targets of forests: from rows that they have not seen, and mixed with labels."""

import numpy as np
import pytest

from keras_astro.data.alert_schema import CLASSES, FEATURES
from keras_astro.data.sample import MemorySource
from keras_astro.models.alert_networks import alert_stem
from keras_astro.preprocessing.stamp_measures import MEASURES
from keras_astro.simulate.alert_config import AlertSimulation
from keras_astro.simulate.alerts import simulate
from keras_astro.tasks import alerts_forest
from keras_astro.tasks.alerts_forest import forest_targets, grown
from keras_astro.tasks.alerts_networks import beside_width, build_head, code_width
from keras_astro.tasks.alerts_rows import Beside, Rows, read_rows, smoothed
from keras_astro.tasks.alerts_stages import Prepared, class_weights, joint_stage
from keras_astro.tasks.catalog import load_config


@pytest.fixture
def few_trees(monkeypatch):
    monkeypatch.setattr(alerts_forest, "TREES", 20)


def rows(labels, features, objects=None):
    count = len(labels)
    objects = np.arange(count) if objects is None else objects
    return Rows(np.zeros((count, 3, 3, 6)), features, labels, objects.astype(str))


def test_where_classes_differ_the_forest_is_sure(few_trees):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 200)
    features = np.eye(5)[labels] + 0.1 * rng.normal(size=(200, 5))
    found = forest_targets(load_config("alerts"), rows(labels, features))
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)
    own = found[np.arange(200), labels]
    assert own.mean() > 0.85
    assert (found.argmax(axis=1) == labels).all()


def test_no_object_is_seen_by_the_forest_that_judges_it(few_trees):
    rng = np.random.default_rng(0)
    # Alerts of an object are alike, and its class is by chance.
    objects = np.repeat(np.arange(60), 4)
    labels = np.repeat(rng.integers(0, 5, 60), 4)
    features = np.repeat(rng.normal(size=(60, 6)), 4, axis=0)
    found = forest_targets(load_config("alerts"), rows(labels, features, objects))
    assert np.mean(found.argmax(axis=1) == labels) < 0.45


def test_rows_of_a_class_that_no_other_part_has_keep_their_label(few_trees):
    labels = np.repeat([0, 1], 30)
    labels[-2:] = 4
    objects = np.arange(60)
    objects[-1] = objects[-2]
    features = labels[:, None] + np.zeros((60, 2))
    config = load_config("alerts")
    found = forest_targets(config, rows(labels, features, objects))
    assert found.shape == (60, len(CLASSES))
    np.testing.assert_array_equal(found[-2:], np.eye(5)[[4, 4]])
    assert found[:, 2:4].max() == 0
    again = forest_targets(config, rows(labels, features, objects))
    np.testing.assert_array_equal(again, found)


@pytest.mark.parametrize("labels", [[0], [0, 1, 2], [0, 0, 1, 1], [0, 1, 1, 1, 2]])
def test_few_objects_are_judged_by_forests_of_others(few_trees, labels):
    labels = np.array(labels)
    few = rows(labels, np.random.default_rng(0).normal(size=(len(labels), 2)))
    found = forest_targets(load_config("alerts"), few)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)


def test_a_forest_learns_from_no_more_rows_than_allowed(few_trees, monkeypatch):
    monkeypatch.setattr(alerts_forest, "MOST_ROWS", 20)
    labels = np.arange(60) % 3
    forest = grown(labels[:, None], labels, None, 0)
    leaves = max(tree.tree_.n_node_samples[0] for tree in forest.estimators_)
    assert leaves == 20
    assert len(forest.classes_) == 3


@pytest.fixture(scope="module")
def prepared():
    """Rows of 40 alerts, whose measures stand beside their codes."""
    stem = alert_stem((63, 63, 3), pixels=21, normalise="asinh", context=True)
    sample = simulate(AlertSimulation(), 40, seed=3)
    raw = read_rows(stem, MemorySource(sample))
    beside = Beside.fitted(raw, metadata=False, measures=True)
    return Prepared(stem, beside, raw.rows(beside), raw.rows(beside))


def test_training_targets_are_labels_and_forest_and_held_out_ones_labels(
    prepared, few_trees
):
    assert prepared.train.features.shape == (40, MEASURES)
    labels = prepared.train.labels
    for share in (0.0, 0.25, 1.0):
        words = f"objective.forest={share}", "model.filters=[4]", "model.components=0"
        config = load_config("alerts", [*words, "model.decoder_filters=[4]"])
        stage = joint_stage(config, prepared)
        weights = class_weights(config, labels)
        hard = smoothed(labels, 0.05, weights)
        soft = forest_targets(config, prepared.train) * weights[labels][:, None]
        wanted = (1 - share) * hard + share * soft
        np.testing.assert_allclose(stage.targets, wanted, rtol=1e-5)
        np.testing.assert_array_equal(stage.validation[1], hard)
        assert stage.inputs["features"].shape == (40, MEASURES)


@pytest.mark.parametrize(
    ("words", "width"),
    [
        (["model.mode=frozen"], 0),
        (["model.measures=false"], 0),
        ([], MEASURES),
        (["model.metadata=true"], 2 * len(FEATURES) + MEASURES),
        (["model.metadata=true", "model.mode=frozen"], 2 * len(FEATURES)),
    ],
)
def test_what_stands_beside_a_code_is_as_wide_as_the_head_expects(words, width):
    config = load_config("alerts", words)
    assert beside_width(config) == width
    assert build_head(config).input_shape[1] == code_width(config) + width

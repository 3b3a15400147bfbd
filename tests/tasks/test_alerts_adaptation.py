"""Alert runs that learn on from real labels, at toy size."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from keras_astro.cli.main import cli
from keras_astro.data.alert_schema import ALERTS, CLASSES
from keras_astro.data.readers import open_many
from keras_astro.data.sample import MemorySource, Sample
from keras_astro.data.store import write_store
from keras_astro.errors import ArtefactError, ConfigError, DataError, UsageError
from keras_astro.evaluation.adaptation import adaptation_section, read_adapted
from keras_astro.evaluation.evaluate import leaked_fraction, trained_groups
from keras_astro.inference.manifest import read_manifest
from keras_astro.inference.predictor import open_predictor
from keras_astro.metrics.classification import balanced_accuracy
from keras_astro.simulate.alert_config import AlertSimulation
from keras_astro.simulate.alerts import simulate
from keras_astro.tasks.alerts_adaptation import MOVED, AlertsAdaptation, folds
from keras_astro.tasks.alerts_rows import class_numbers, one_hot, smoothed
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.training.run import Run
from keras_astro.training.train import make_parts, train

TINY = (
    "train.epochs=1",
    "model.filters=[6, 8]",
    "model.latent_dim=8",
    "model.components=4",
    "model.decoder_filters=[6]",
    "model.hidden=[16]",
    "model.metadata=true",
    "model.turns=1",
    "finetune.fits=2",
    "finetune.epochs=2",
)


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A run, one that is moved to 60 other rows, and their folder."""
    folder = tmp_path_factory.mktemp("alerts")
    rows = {
        name: simulate(AlertSimulation(), n, seed=seed)
        for name, n, seed in (("first", 90, 1), ("second", 60, 2))
    }
    for name, sample in rows.items():
        write_store(folder / f"{name}.h5", [sample], generator="t", config={}, seed=1)
    config = load_config("alerts", [*TINY, f"data.paths=[{folder / 'first.h5'}]"])
    run = Run.create(folder / "run", config)
    train(get_task("alerts"), open_many(config.data.paths, ALERTS), run)
    second = str(folder / "second.h5")
    words = ["finetune", str(run.path), "--data", second, "--labels", second]
    done = CliRunner().invoke(cli, [*words, "-o", str(folder / "new")])
    assert done.exit_code == 0, done.output
    new = Run.open(folder / "new")
    return SimpleNamespace(run=run, new=new, rows=rows["second"], folder=folder)


def adaptation(moved, labelled, *words, observed=None):
    parts = make_parts(open_many(moved.run.config.data.paths, ALERTS), moved.run.split)
    config = load_config(str(moved.run.path / "config.yaml"), list(words))
    return AlertsAdaptation(
        config,
        moved.run.load_model(),
        parts,
        observed or MemorySource(moved.rows),
        labelled,
    )


def test_a_moved_run_names_its_parent_and_what_it_learned_from(moved):
    ours, theirs = (read_manifest(r.path) for r in (moved.new, moved.run))
    assert ours["parent"]["model_sha256"] == theirs["model_sha256"]
    assert moved.new.config.finetune.parent_sha256 == theirs["model_sha256"]
    assert ours["parent"]["labelled_rows"] == ours["parent"]["observed_rows"] == 60
    given = {name: moved.rows.inputs[name] for name in ("stamps", "metadata")}
    said = moved.run.load_model().predict(given, verbose=0)["class_index"]
    truth = class_numbers(moved.rows.targets["label"], 60)
    # One row that changes its class between two ways to compute it is 0.017.
    assert ours["parent"]["balanced_accuracy_parent"] == pytest.approx(
        balanced_accuracy(truth, said.astype(int)), abs=0.04
    )
    adapted = read_adapted(moved.new.path)
    section = adaptation_section(adapted)
    assert "with the labels of 60 rows" in section.text
    for facts, words in (
        ({"reference_trained": True}, "whose labels were learned from"),
        ({"labelled_within": 58}, "2 of these lie beyond the labels"),
    ):
        told = adaptation_section(replace(adapted, facts=adapted.facts | facts))
        assert words in told.text


def test_an_unfinished_move_is_finished_by_the_command_that_began_it(
    moved, tmp_path, refused
):
    (tmp_path / "config.yaml").write_bytes(
        (moved.new.path / "config.yaml").read_bytes()
    )
    with refused(ArtefactError, "no trained model", hint="kastro finetune command"):
        Run(tmp_path).load_model()
    with refused(ArtefactError, "not finished", hint="kastro finetune command"):
        open_predictor(tmp_path)


def test_rows_whose_labels_were_used_count_as_trained_on(moved):
    parts = make_parts(open_many(moved.run.config.data.paths, ALERTS), moved.run.split)
    found = {
        name: leaked_fraction(trained_groups(run, parts), moved.rows.meta["group"])
        for name, run in (("before", moved.run), ("after", moved.new))
    }
    assert found == {"before": 0.0, "after": 1.0}


def test_layers_cannot_be_chosen_and_the_option_is_named(moved, refused):
    words = ["finetune", str(moved.run.path), "--data", str(moved.folder / "second.h5")]
    words += ["--train", "encoder", "-o", str(moved.folder / "x")]
    with refused(UsageError, "--train", hint="Leave it out"):
        CliRunner().invoke(cli, words, catch_exceptions=False)


def test_each_row_is_unseen_by_the_fit_that_classifies_it(moved):
    few = adaptation(moved, moved.rows)
    fitted = {stage.name: stage.model for stage in few.stages()}
    for number, learner in enumerate(fitted.values()):
        # The first fit calls all rows SN, the second AGN.
        layer = learner.get_layer("head").get_layer("logits")
        kernel, bias = layer.get_weights()
        bias[number] = 1e4
        layer.set_weights([kernel, bias])
    few.assemble(fitted)
    shares = [
        np.mean(few.fold[few.rows.labels == number] == number) for number in range(2)
    ]
    found = few.summary()[0]["balanced_accuracy_unseen"]
    assert found == pytest.approx(sum(shares) / len(CLASSES))


def test_learners_have_the_dropout_that_a_finished_head_has_lost(moved):
    few = adaptation(moved, moved.rows, "model.dropout=0.5")
    learner = next(iter(few.stages())).model
    rates = [getattr(layer, "rate", None) for layer in learner.get_layer("head").layers]
    assert rates.count(0.5) == 1
    for name in MOVED:
        start = few.model.get_layer(name).get_weights()
        for ours, theirs in zip(
            learner.get_layer(name).get_weights(), start, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_objects_that_trained_are_no_reference_where_others_are_left(moved):
    labels = class_numbers(moved.rows.targets["label"], 60)
    few = np.concatenate([np.flatnonzero(labels == n)[:4] for n in range(5)])
    found = adaptation(moved, moved.rows.take(few))
    kept = found.reference.read().meta["id"]
    assert set(kept) == set(moved.rows.meta["id"]) - set(moved.rows.meta["id"][few])
    assert found.facts["reference_rows"] == 40
    assert found.facts["reference_trained"] is False
    model = found.assemble({stage.name: stage.model for stage in found.stages()})
    assert model.get_layer("conformal").rows == 40
    all_trained = read_manifest(moved.new.path)["parent"]
    assert all_trained["reference_rows"] == 60
    assert all_trained["reference_trained"] is True


def test_p_values_of_a_moved_run_are_those_of_observed_rows(moved):
    model = moved.new.load_model()
    found = model.predict({k: moved.rows.inputs[k] for k in model.input}, verbose=0)
    order = np.sort(found["p_value"])
    np.testing.assert_allclose(order, np.arange(1, 61) / 61 + 1 / 61, atol=0.04)


def test_weights_are_the_mean_of_the_fits_and_the_parent(moved):
    few = adaptation(moved, moved.rows, "finetune.parent_share=0.6")
    start = few.model.get_layer("head").get_weights()
    fitted = {stage.name: stage.model for stage in few.stages()}
    for number, learner in enumerate(fitted.values()):
        for name in MOVED:
            layer = learner.get_layer(name)
            layer.set_weights([w + number + 1 for w in layer.get_weights()])
    model = few.assemble(fitted)
    ours = model.get_layer("head").get_weights()
    # 0.4 times the mean of 1 and 2.
    for before, after in zip(start, ours, strict=True):
        np.testing.assert_allclose(after, before + 0.6, rtol=1e-4, atol=1e-5)


def test_each_row_is_left_out_once_with_all_of_its_object(moved):
    rows = moved.rows.rows(0, 60)
    rows.meta["group"] = np.array([f"object-{n % 10}-{n // 20}" for n in range(60)])
    few = adaptation(moved, rows)
    sizes = [stage.rows for stage in few.stages()]
    assert sum(60 - size for size in sizes) == 60
    for name in np.unique(rows.meta["group"]):
        assert len(np.unique(few.fold[few.rows.objects == name])) == 1


def test_an_object_of_two_classes_is_left_out_as_a_whole():
    labels = np.arange(60) % 5
    objects = np.array([f"object-{n}" for n in range(60)])
    # Two objects of three rows of one class and two of another.
    for name, major, minor in (("x", 0, 1), ("y", 3, 2)):
        objects[5 * np.arange(3) + major] = objects[5 * np.arange(2) + minor] = name
    for seed in range(20):
        found = folds(labels, objects, load_config("alerts", [f"seed={seed}"]))
        for name in np.unique(objects):
            assert len(np.unique(found[objects == name])) == 1
        for number in range(5):
            single = (labels == number) & np.char.startswith(objects, "object")
            sizes = np.bincount(found[single], minlength=4)
            # "x" and "y" stand in for one object of the dealing at most.
            assert sizes.max() - sizes.min() <= 2
            assert sizes.min() >= 1


def test_what_cannot_be_moved_is_told(moved, refused):
    with refused(DataError, "none are given", hint="--labels"):
        adaptation(moved, None)
    rows = moved.rows
    one = rows.take(np.flatnonzero(rows.targets["label"] != "VS"))
    with refused(DataError, "found 0 of VS", hint="labelled rows of it"):
        adaptation(moved, one)
    with refused(DataError, "at least 30 objects", hint="finetune.fits=1"):
        adaptation(moved, rows, "finetune.fits=30")
    with refused(ConfigError, "model.mode = frozen", hint="joint"):
        adaptation(moved, rows, "model.mode=frozen")
    other = rows.rows(0, 60)
    other.targets["label"] = np.full(60, "TDE")
    with refused(DataError, ", ".join(CLASSES), hint="spelled"):
        adaptation(moved, other)


def test_rows_that_the_parent_cannot_read_are_told_before_any_fit(moved, refused):
    rows = moved.rows
    small = Sample(ALERTS, {"stamps": rows.inputs["stamps"][:, :48, :48]})
    sizes = "stamps of (63, 63, 3), found (48, 48, 3)"
    with refused(DataError, sizes, hint="size"):
        adaptation(moved, rows, observed=MemorySource(small))
    small.targets["label"] = rows.targets["label"]
    with refused(DataError, sizes, hint="size"):
        adaptation(moved, small)
    plain = Sample(ALERTS, {"stamps": rows.inputs["stamps"]}, rows.targets)
    unknown = rows.rows(0, 60)
    unknown.inputs["metadata"] = np.full_like(rows.inputs["metadata"], np.nan)
    for few in (plain, unknown):
        with refused(DataError, "metadata", hint="model.metadata=false"):
            adaptation(moved, few)
    many = rows.take(np.tile(np.arange(60), 4))
    with refused(ConfigError, "240 rows", "data.memory_limit_mb = 1"):
        adaptation(moved, many, "data.memory_limit_mb=1")
    with refused(ConfigError, "networks of the run that is moved", hint="metadata"):
        adaptation(moved, rows, "model.metadata=false")


def test_smoothed_targets_keep_their_class_and_their_sum():
    labels = class_numbers(np.array(["SN", "bogus"]), 2)
    found = smoothed(labels, 0.05)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(found.argmax(axis=1), labels)
    np.testing.assert_array_equal(smoothed(labels, 0), one_hot(labels))


def test_smoothing_is_even_and_a_row_weighs_what_its_class_does():
    weights = np.array([3.0, 1.0, 1.0, 1.0, 0.5], "float32")
    labels = class_numbers(np.array(["SN", "bogus", "VS"]), 3)
    found = smoothed(labels, 0.1, weights)
    np.testing.assert_allclose(found.sum(axis=1), [3.0, 0.5, 1.0], rtol=1e-6)
    others = np.where(one_hot(labels) > 0, np.nan, found)
    np.testing.assert_allclose(others[0, 1:], 3.0 * 0.02, rtol=1e-5)
    np.testing.assert_allclose(others[1, :4], 0.5 * 0.02, rtol=1e-5)

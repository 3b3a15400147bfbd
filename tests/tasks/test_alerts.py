"""The alerts case from simulated stamps to a verified artefact, at toy size."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_astro.data.alert_histories import AlertHistories
from keras_astro.data.alert_schema import ALERTS, CLASSES, FEATURES
from keras_astro.data.sample import MemorySource, Sample
from keras_astro.data.store import write_store
from keras_astro.errors import ConfigError, DataError
from keras_astro.evaluation.alert_rows import single_alerts
from keras_astro.evaluation.evaluate import evaluate_run
from keras_astro.exports.export import export_run
from keras_astro.inference.predictor import open_predictor
from keras_astro.models.alert_histories import history_head
from keras_astro.models.alert_networks import without_dropout
from keras_astro.preprocessing.stamp_measures import MEASURES
from keras_astro.simulate.alert_config import AlertSimulation
from keras_astro.simulate.alerts import simulate
from keras_astro.tasks.alerts_histories import head_options
from keras_astro.tasks.alerts_networks import (
    beside_width,
    build_autoencoder_parts,
    build_head,
    code_width,
    set_components,
    start_at_components,
    trained_parts,
)
from keras_astro.tasks.alerts_rows import (
    Beside,
    class_numbers,
    code_statistics,
    feature_statistics,
    orient,
    read_rows,
)
from keras_astro.tasks.alerts_stages import class_weights
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.training.fit import fit_stage
from keras_astro.training.run import Run
from keras_astro.training.train import load_or_make_split, make_parts, train

TINY = (
    "train.epochs=2",
    "model.filters=[6, 8]",
    "model.latent_dim=8",
    "model.components=4",
    "model.decoder_filters=[6]",
    "model.hidden=[16]",
    "model.turns=4",
    "classifier.epochs=2",
    "scores.bootstrap=20",
    "train.checkpoint_seconds=0",
)


def toy_run(path, sample, folder, *words):
    """A run on toy settings, and its parts."""
    config = load_config("alerts", [*TINY, f"data.paths=[{path}]", *words])
    run = Run.create(folder, config)
    source = MemorySource(sample)
    train(get_task("alerts"), source, run)
    parts = make_parts(source, load_or_make_split(source, run, config))
    return SimpleNamespace(run=run, parts=parts)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """A store of 200 alerts; a few are of a class that the model does not know."""
    sample = simulate(AlertSimulation(), 200, seed=1)
    labels = sample.targets["label"].astype("U8")
    labels[::40] = "TDE"
    sample.targets["label"] = labels
    path = tmp_path_factory.mktemp("alerts") / "alerts.h5"
    write_store(path, [sample], generator="test", config={}, seed=1)
    return path, sample


@pytest.fixture(scope="session")
def trained(simulated, tmp_path_factory):
    """A joint run with metadata, loaded."""
    folder = tmp_path_factory.mktemp("runs") / "joint"
    found = toy_run(*simulated, folder, "model.metadata=true")
    found.predictor = open_predictor(folder)
    return found


def test_a_run_predicts_calibrated_classes(trained):
    predictor, test = trained.predictor, trained.parts.test.read()
    found = predictor.run("predict", test.inputs)
    total = sum(found[f"probability_{name}"] for name in CLASSES)
    np.testing.assert_allclose(total, 1, atol=1e-5)
    assert set(np.unique(found["class_index"])) <= set(range(len(CLASSES)))
    calibration = predictor.manifest["calibration"]
    assert calibration["n"] == len(trained.parts.calibration)
    assert calibration["temperature"] > 0


def test_a_full_model_reads_beside_codes_what_training_did(trained):
    test = trained.parts.test
    model = trained.run.load_model()
    raw = read_rows(model.get_layer("stem"), test)
    beside = Beside.of(model)
    width = beside_width(trained.run.config)
    assert beside(raw).shape == (len(test), width)
    assert width == 2 * len(FEATURES) + MEASURES
    found = trained.predictor.run("predict", test.read().inputs)
    said = np.rint(found["class_index"]).astype(int)
    np.testing.assert_array_equal(single_alerts(model, raw, turns=4), said)


def test_classes_do_not_depend_on_the_orientation(trained):
    given = trained.parts.test.read(0, 6).inputs
    turned = given | {"stamps": np.rot90(given["stamps"], axes=(1, 2)).copy()}
    one, two = (trained.predictor.run("predict", rows) for rows in (given, turned))
    for name in CLASSES:
        # The sky is measured on every second pixel, others of them after a turn.
        np.testing.assert_allclose(
            one[f"probability_{name}"], two[f"probability_{name}"], atol=0.02
        )


def test_masked_stamps_and_missing_metadata_are_classified(trained):
    stamps = trained.parts.test.read(0, 3).inputs["stamps"].copy()
    stamps[0] = np.nan
    stamps[1, :20] = 3.4e38
    found = trained.predictor.run("predict", {"stamps": stamps})
    for name in CLASSES:
        assert np.isfinite(found[f"probability_{name}"]).all()


def test_the_report_has_its_figures_and_baselines(trained):
    found = evaluate_run(trained.run, story=lambda _: None)
    wanted = {"balanced_accuracy", "reconstruction_rmse", "calibration_error"}
    wanted |= {f"recall_{name}" for name in CLASSES}
    rivals = "random_encoder", "metadata", "measures"
    wanted |= {f"balanced_accuracy_{name}" for name in rivals}
    assert wanted <= set(found)
    assert found["leaked_fraction"] == 0
    plots = {file.stem for file in (trained.run.path / "plots").glob("*.png")}
    assert {"confusion_matrix", "class_reliability", "latent_map"} <= plots


def test_an_export_is_the_model(trained):
    parts = trained.parts
    result = export_run(
        trained.run,
        parts.calibration,
        parts.test,
        fmt="tflite",
        quantize="none",
        story=lambda _: None,
    )
    changed = result.verification["outputs"]["predict/class_index"]
    assert changed["changed_fraction"] == 0


def test_alerts_of_one_object_are_seen_together(tmp_path):
    sample = simulate(AlertSimulation(max_alerts=2), 64, seed=4)
    path = tmp_path / "alerts.h5"
    write_store(path, [sample], generator="test", config={}, seed=4)
    words = ("sequence=gru", "max_alerts=2", "units=4", "turns=1")
    settings = [f"model.{word}" for word in words]
    made = toy_run(path, sample, tmp_path / "gru", *settings, "history.epochs=1")
    parts = made.parts
    inputs = AlertHistories(parts.train, 2).read().inputs
    predictor = open_predictor(tmp_path / "gru")
    found = predictor.run("predict", inputs)
    total = sum(found[f"probability_{name}"] for name in CLASSES)
    np.testing.assert_allclose(total, 1, atol=1e-5)
    # What lies before an object's first alert has no say.
    absent = inputs["days"] > 1e20
    assert absent.any()
    assert not absent.all()
    padded = inputs | {"stamps": inputs["stamps"].copy()}
    padded["stamps"][absent] = 7.0
    again = predictor.run("predict", padded)
    np.testing.assert_allclose(again["confidence"], found["confidence"], atol=1e-5)
    options = {"fmt": "tflite", "quantize": "none", "story": lambda _: None}
    result = export_run(made.run, parts.calibration, parts.test, **options)
    changed = result.verification["outputs"]["predict/class_index"]
    assert changed["changed_fraction"] == 0


def test_codes_that_train_with_a_head_are_bounded(trained):
    stamps = trained.parts.test.read().inputs["stamps"]
    model = trained.run.load_model()
    frames = model.get_layer("stem").predict(stamps, verbose=0)[0]
    encoder = model.get_layer("encoder")
    # Behind the eight stand components, which no training moves.
    z = encoder.predict(frames, verbose=0)[:, :8]
    bright = encoder.predict(1e4 * frames, verbose=0)[:, :8]
    # A small constant keeps the codes of an empty frame from being noise.
    assert np.mean(z**2, axis=1).max() <= 1 + 1e-4
    np.testing.assert_allclose(np.mean(bright**2, axis=1), 1.0, rtol=1e-3)


def test_a_frozen_embedding_is_not_moved_by_the_head(simulated):
    _, sample = simulated
    config = load_config("alerts", [*TINY, "model.mode=frozen", "train.epochs=1"])
    task, source = get_task("alerts"), MemorySource(sample.rows(0, 80))
    prepared = task.prepare(config, SimpleNamespace(train=source, validation=source))
    first, second = stages = [], []
    for stage, kept in zip(task.stages(config, prepared), stages, strict=True):
        fit_stage(stage, config.train, seed=0)
        kept.append(stage)
    encoder, _ = trained_parts(first[0].model)
    assert second[0].inputs.shape == (8 * 78, 8)
    # The head trains on stored codes: those are still the encoder's.
    codes = encoder.predict(prepared.train.labelled.frames, verbose=0)
    mean, sd = code_statistics(encoder, prepared.train.frames)
    np.testing.assert_allclose(second[0].inputs[:78], (codes - mean) / sd, atol=1e-4)


@pytest.fixture
def patterned():
    """Frames of three patterns that no turn changes, and little noise; three axes."""
    away = np.add.outer(*[np.abs(np.arange(6) - 2.5)] * 2)[..., None]
    patterns = np.stack([away * [1, 0], away * [0, 1], np.ones((6, 6, 2))])
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(48, 3)) * [3, 1, 2]
    frames = np.tensordot(weights, patterns, 1) + 0.01 * rng.normal(size=(48, 6, 6, 2))
    turned = np.concatenate([orient(frames[n::8], n) for n in range(8)])
    flat = turned.reshape(48, -1)
    about = flat - flat.mean(axis=0)
    basis = np.linalg.svd(about, full_matrices=False)[2][:3]
    wanted = about @ basis.T @ basis + flat.mean(axis=0)
    return SimpleNamespace(frames=frames, turned=turned, wanted=wanted)


def test_a_frozen_autoencoder_starts_at_principal_components(patterned):
    words = "model.mode=frozen", "model.latent_dim=3", "model.filters=[4]"
    config = load_config("alerts", words)
    encoder, decoder = build_autoencoder_parts(config, patterned.frames.shape[1:])
    start_at_components(encoder, decoder, patterned.frames, seed=0)
    z = encoder.predict(patterned.turned, verbose=0)
    np.testing.assert_allclose(z.std(axis=0, ddof=1), 1.0, rtol=1e-3)
    drawn = decoder.predict(z, verbose=0).reshape(48, -1)
    np.testing.assert_allclose(drawn, patterned.wanted, atol=2e-3)


def test_a_joint_model_starts_at_principal_components(patterned):
    words = "model.latent_dim=5", "model.components=3", "model.filters=[4]"
    config = load_config("alerts", [*words, "model.decoder_filters=[4]"])
    encoder, decoder = build_autoencoder_parts(config, patterned.frames.shape[1:])
    set_components(encoder, decoder, patterned.frames, seed=0)
    z = encoder.predict(patterned.turned, verbose=0)
    assert z.shape == (48, 8)
    np.testing.assert_allclose(z[:, 5:].std(axis=0, ddof=1), 1.0, rtol=1e-3)
    # The convolutions' coordinates, beside them, have no say in the frame yet.
    drawn = decoder.predict(z, verbose=0).reshape(48, -1)
    np.testing.assert_allclose(drawn, patterned.wanted, atol=2e-3)
    # Of fewer rows than components the last ones say nothing.
    few = patterned.frames[:2]
    set_components(encoder, decoder, few, seed=0)
    assert np.ptp(encoder.predict(patterned.turned, verbose=0)[:, 6:]) == 0


def test_training_leaves_components_as_they_are(trained):
    model = trained.run.load_model()
    stamps = trained.parts.train.read().inputs["stamps"]
    frames = model.get_layer("stem").predict(stamps, verbose=0)[0]
    pair = build_autoencoder_parts(trained.run.config, frames.shape[1:])
    set_components(*pair, frames, seed=trained.run.config.seed)
    found, wanted = (
        encoder.get_layer("components").get_weights()
        for encoder in (model.get_layer("encoder"), pair[0])
    )
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_head_reads_no_components():
    config = load_config("alerts", [*TINY, "model.metadata=true"])
    head = without_dropout(build_head(config))
    code = np.random.default_rng(0).normal(size=(3, head.input_shape[1]))
    other, beside = code.copy(), code.copy()
    other[:, 8:12] = 7.0
    beside[:, 12:] = 7.0
    found, same, changed = (head.predict(x, verbose=0) for x in (code, other, beside))
    np.testing.assert_array_equal(found, same)
    assert np.abs(found - changed).min() > 0


def test_a_head_of_histories_reads_no_components():
    words = "model.sequence=gru", "model.measures=false"
    config = load_config("alerts", [*TINY, *words])
    assert code_width(config) == 12
    history = history_head(**head_options(config))
    assert history.input["code"].shape[-1] == 8


def test_without_components_a_code_is_the_convolutions():
    config = load_config("alerts", [*TINY, "model.components=0"])
    encoder, decoder = build_autoencoder_parts(config, (21, 21, 6))
    assert encoder.output_shape == decoder.input_shape == (None, 8)
    assert not [layer for layer in encoder.layers if layer.name == "components"]


def test_rows_without_a_class_do_not_train_the_head(simulated):
    _, sample = simulated
    numbers = class_numbers(sample.targets["label"], len(sample))
    assert np.sum(numbers == -1) == 5
    assert numbers.max() == 4


def test_rare_classes_weigh_as_much_as_frequent_ones():
    config = load_config("alerts")
    weights = class_weights(config, np.array([0] * 90 + [1] * 10))
    np.testing.assert_allclose(weights[:2] * [90, 10], 50)
    plain = load_config("alerts", ["objective.class_weights=none"])
    assert class_weights(plain, np.array([0, 0, 1])).tolist() == [1] * 5


def test_feature_statistics_leave_unknown_values_out():
    table = np.array([[1.0, np.nan], [3.0, 1e30]], "float32")
    mean, sd = feature_statistics(table)
    assert mean.tolist() == [2.0, 0.0]
    assert sd.tolist() == [1.0, 1.0]


def test_mistakes_are_told(simulated, refused):
    task = get_task("alerts")
    _, sample = simulated
    unlabelled = Sample(ALERTS, sample.inputs)
    source = MemorySource(unlabelled)
    config = load_config("alerts", TINY)
    parts = SimpleNamespace(train=source, validation=source)
    with refused(DataError, "at least two of the classes", hint="label"):
        task.prepare(config, parts)
    bad = load_config("alerts", ["simulation.shares={comet: 1.0}"])
    with refused(ConfigError, "comet is no class"):
        next(task.simulate(bad, 5, seed=0))
    both = load_config("alerts", [*TINY, "model.variational=true"])
    few = MemorySource(sample.rows(0, 40))
    prepared = task.prepare(both, SimpleNamespace(train=few, validation=few))
    with refused(ConfigError, "variational", hint="frozen"):
        list(task.stages(both, prepared))

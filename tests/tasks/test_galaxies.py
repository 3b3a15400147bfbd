"""The galaxies case from data to report, export and search, on a tiny network."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from keras_astro.data.galaxy_schema import GALAXIES
from keras_astro.data.sample import MemorySource, Sample
from keras_astro.errors import ConfigError, DataError
from keras_astro.evaluation.evaluate import evaluate_run, write_reference
from keras_astro.evaluation.galaxy_rows import measure_rows
from keras_astro.evaluation.subject import Subject
from keras_astro.exports import export
from keras_astro.inference.batch import score_source
from keras_astro.inference.galaxy_rows import drawn_stars
from keras_astro.inference.predictor import open_predictor
from keras_astro.simulate.galaxy_config import PARAMETERS, GalaxySimulation
from keras_astro.simulate.galaxy_renderer import GalaxyRenderer
from keras_astro.simulate.galaxy_stream import GalaxyStream
from keras_astro.tasks.base import Stream
from keras_astro.tasks.catalog import get_task, load_config, model_rows
from keras_astro.tasks.galaxies import (
    build_network,
    stored,
    untrained,
)
from keras_astro.training.fit import fit_stage
from keras_astro.training.run import Run
from keras_astro.training.train import load_or_make_split, make_parts, train
from keras_astro.tuning.spaces import space

TINY = [
    # What compiles longest is of no use to a network of this size.
    "train.jit=off",
    "preprocessing.crop_pixels=24",
    "model.filters=[8, 8]",
    "model.hidden=16",
    "model.components=2",
    "train.epochs=3",
    "train.batch_size=32",
    "streaming.rows_per_epoch=512",
    "streaming.calibration_rows=256",
    "evaluation.bootstrap=20",
    "evaluation.fitted_rows=2",
]


def quiet(_):
    """Tells nobody."""


def once(function):
    """A function whose first answer is given for whatever is asked later."""
    answers = []

    def answer(*given):
        answers[:] = answers or [function(*given)]
        return answers[0]

    return answer


@pytest.fixture(scope="module")
def rows():
    """Rendered galaxies as a source."""
    inputs, truth = GalaxyStream([GalaxySimulation.preset("v3")], seed=5)(0, 128)
    targets = dict(zip(PARAMETERS, truth.T, strict=True))
    return MemorySource(Sample(GALAXIES, inputs, targets))


@pytest.fixture(scope="module")
def finished(rows, tmp_path_factory):
    """A trained run, its rows and their parts."""
    folder = tmp_path_factory.mktemp("galaxies")
    np.savez(
        folder / "galaxies.npz",
        **rows.sample.inputs,
        **rows.sample.targets,
    )
    config = load_config("galaxies", [*TINY, f"data.paths=[{folder}/galaxies.npz]"])
    run = Run.create(folder / "tiny", config)
    train(get_task("galaxies"), rows, run)
    parts = make_parts(rows, load_or_make_split(rows, run, config))
    return SimpleNamespace(run=run, parts=parts, folder=folder)


@pytest.fixture(scope="module")
def exported(finished):
    """An export in each format; the Keras model is loaded and asked once for both."""
    model = finished.run.load_model()
    outputs, reference = once(export.keras_outputs), once(export.reference_of)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finished.run, "load_model", lambda: model)
        patch.setattr(export, "keras_outputs", outputs)
        patch.setattr(export, "reference_of", reference)
        return {
            fmt: export.export_run(
                finished.run,
                finished.parts.calibration,
                finished.parts.test,
                fmt=fmt,
                quantize=None,
                out_dir=finished.folder / fmt,
                story=quiet,
            )
            for fmt in ("saved_model", "tflite")
        }


def test_training_learns_from_the_stream(finished):
    lines = (finished.run.path / "history.csv").read_text().splitlines()
    column = lines[0].split(",").index("val_loss")
    losses = [float(line.split(",")[column]) for line in lines[1:]]
    assert losses[-1] < losses[0] - 0.5


def test_report_names_the_agreed_metrics(finished):
    metrics = evaluate_run(finished.run, story=quiet)
    written = json.loads((finished.run.path / "metrics.json").read_text())
    for name in PARAMETERS:
        assert f"rmse_{name}" in written
        assert f"rmse_{name}_maximum_likelihood" in written
        assert 0 <= metrics[f"coverage_68_{name}"]["value"] <= 1
    assert metrics["leaked_fraction"] == 0
    assert metrics["chi2_per_pixel_maximum_likelihood"] == pytest.approx(1, abs=0.1)
    assert {"coverage_68", "coverage_95", "log_score", "shear_m_g1"} <= set(written)
    assert (finished.run.path / "report.html").is_file()


def test_estimates_are_within_the_limits(exported, rows):
    predictor = open_predictor(exported["saved_model"].path)
    found = predictor.run("predict", rows.sample.inputs)
    for name, (low, high) in GalaxySimulation().box.items():
        quantiles = found[f"{name}_quantiles"]
        assert np.all((quantiles >= low) & (quantiles <= high))
        assert np.all(np.diff(quantiles, axis=1) >= 0)
        assert np.all((found[name] >= low) & (found[name] <= high))
    # The diagonal of the lower triangle is the squared standard deviation.
    assert np.allclose(found["covariance"][:, 0], found["flux_sd"] ** 2, rtol=1e-3)
    assert np.allclose(found["covariance"][:, 14], found["g2_sd"] ** 2, rtol=1e-3)


@pytest.mark.parametrize("fmt", ["saved_model", "tflite"])
def test_exports_are_verified(exported, fmt):
    result = exported[fmt]
    assert result.path.exists()
    outputs = result.verification["outputs"]
    assert {"predict/flux", "posterior/mixture_weight"} <= set(outputs)


def test_widths_depend_on_the_signal_to_noise(finished):
    """The exported layer has coefficients of its own for it, fitted on fresh rows."""
    layer = finished.run.load_model().get_layer("posterior")
    coefficients = layer.stretch.numpy()
    assert coefficients.shape == (5, 4)
    assert np.all(np.any(coefficients != 0, axis=0))


def test_calibration_rows_are_in_no_batch_of_the_training():
    config = load_config(
        "galaxies", [*TINY, "streaming.calibration_rows=5000", "train.epochs=2"]
    )
    asked = []
    stream = Stream(lambda *batch: asked.append(batch), 512)
    assert len(list(untrained(config, stream))) == 3
    # Two epochs of 512 rows in batches of 32 have the numbers 0 to 31.
    assert asked == [(32, 2048), (33, 2048), (34, 904)]


def test_rows_without_truth_are_refused_for_training(rows, tmp_path):
    blind = MemorySource(Sample(GALAXIES, rows.sample.inputs))
    run = Run.create(tmp_path / "blind", load_config("galaxies", TINY))
    with pytest.raises(DataError, match="truth of every parameter"):
        train(get_task("galaxies"), blind, run)


def test_images_of_another_size_need_stored_training(rows, tmp_path):
    sample = rows.sample
    small = dict(sample.inputs, image=sample.inputs["image"][:, 8:-8, 8:-8])
    source = MemorySource(Sample(GALAXIES, small, sample.targets))
    run = Run.create(tmp_path / "small", load_config("galaxies", TINY))
    with pytest.raises(DataError, match=r"expected images \(64, 64, 1\)"):
        train(get_task("galaxies"), source, run)


def test_stored_galaxies_are_turned_with_their_shear(rows):
    inputs, sample = rows.sample.inputs, rows.sample
    truth = np.stack([sample.targets[name] for name in PARAMETERS], axis=1)
    stream = stored((inputs, truth), seed=0)
    assert stream.rows == len(truth)
    found, turned = stream.make(0, 64)
    again, _ = stream.make(0, 64)
    assert np.array_equal(found["image"], again["image"])
    for row in range(64):
        origin = int(np.flatnonzero(truth[:, 0] == turned[row, 0])[0])
        assert np.allclose(np.abs(turned[row]), np.abs(truth[origin]))
        assert found["image"][row].sum() == pytest.approx(
            inputs["image"][origin].sum(), rel=1e-3
        )


def test_search_space_holds_the_defaults():
    config = load_config("galaxies", [])
    assert len(space("galaxies").around(config).dimensions) == 8


def test_two_stages_train_the_denoiser_first_and_then_leave_it(rows):
    config = load_config(
        "galaxies",
        [
            *TINY,
            "denoising.network=edsr",
            "denoising.filters=2",
            "denoising.blocks=1",
            "denoising.epochs=1",
            "streaming.rows_per_epoch=32",
            "objective.reconstruction_weight=0.1",
            "train.epochs=1",
        ],
    )
    task = get_task("galaxies")
    parts = SimpleNamespace(train=rows, validation=rows, calibration=rows, test=rows)
    prepared = task.prepare(config, parts)
    models, kept = {}, None
    for stage in task.stages(config, prepared):
        history = fit_stage(stage, config.train, seed=0)
        assert np.isfinite(history[-1]["loss"])
        models[stage.name] = stage.model
        if stage.name == "denoiser":
            kept = [w.numpy() for w in stage.model.weights]
    assert list(models) == ["denoiser", "posterior"]
    found = [w.numpy() for w in models["denoiser"].weights]
    assert all(np.array_equal(a, b) for a, b in zip(kept, found, strict=True))
    found = task.objective(config, prepared, models)["objective"]
    models["posterior"].compile(loss="mse")
    assert found == task.objective(config, prepared, models)["objective"]
    model = task.assemble(config, prepared, models, parts)
    assert not any(layer.name == "rendered" for layer in model.layers)


@pytest.mark.parametrize(
    "changes",
    [
        {"model.network": "resnet", "preprocessing.psf": "image"},
        {"model.network": "xception"},
    ],
)
def test_other_networks_and_psf_images(changes, rows):
    config = load_config("galaxies", [*TINY, *(f"{k}={v}" for k, v in changes.items())])
    parts = SimpleNamespace(train=rows, validation=rows, calibration=rows, test=rows)
    prepared = get_task("galaxies").prepare(config, parts)
    network = build_network(config, prepared.image_shape)
    given, _ = prepared.stream.make(0, 3)
    assert set(network.input) == set(given) == set(prepared.validation[0])
    assert np.all(np.isfinite(network.predict_on_batch(given)))


def test_a_model_of_psf_images_goes_all_the_way_on_rows_of_a_width(
    rows, tmp_path, monkeypatch
):
    """Trained, measured, exported and asked, though no row has an image of its PSF.

    The end compares the export with the Keras model, so that its own verification, in
    a fresh process, is left to exports that are tested for it.
    """
    monkeypatch.setattr(export, "keras_outputs", lambda *_: {})
    monkeypatch.setattr(export, "verify", lambda *_, **__: {})
    data = tmp_path / "galaxies.npz"
    np.savez(data, **rows.sample.inputs, **rows.sample.targets)
    settings = [
        "preprocessing.psf=image",
        "train.epochs=1",
        "streaming.rows_per_epoch=64",
        "streaming.calibration_rows=50",
        "evaluation.fitted_rows=0",
        f"data.paths=[{data}]",
    ]
    config = load_config("galaxies", [*TINY, *settings])
    run = Run.create(tmp_path / "run", config)
    train(get_task("galaxies"), rows, run)
    parts = make_parts(rows, load_or_make_split(rows, run, config))
    predictor = open_predictor(run.path)
    write_reference(run, predictor, parts)
    measured = measure_rows(Subject(predictor, parts.test, quiet))
    assert np.all(np.isfinite(measured.mean))
    assert measured.posterior is not None
    artefact = export.export_run(
        run,
        parts.calibration,
        parts.test,
        fmt="tflite",
        out_dir=tmp_path / "artefact",
        story=quiet,
    )
    light = open_predictor(artefact.path)
    found = score_source(light, model_rows(parts.test, light.manifest))
    np.testing.assert_allclose(found.outputs["flux"], measured.mean[:, 0], rtol=1e-3)


def test_stars_of_a_width_are_those_of_training():
    fwhm = np.array([0.5, 0.7, 1.0])
    point = np.tile([1.0, 0.5, 1e-3, 0.0, 0.0], (len(fwhm), 1))
    made = GalaxyRenderer()(point, fwhm).numpy()[..., None]
    made /= made.sum(axis=(1, 2, 3), keepdims=True)
    drawn = drawn_stars(fwhm, (64, 64))
    peak = made.max(axis=(1, 2, 3), keepdims=True)
    assert np.abs((drawn - made) / peak).max() < 0.01


def test_the_renderer_needs_the_width_of_the_psf():
    settings = ["objective.reconstruction_weight=0.1", "preprocessing.psf=image"]
    with pytest.raises(ConfigError, match="needs preprocessing.psf = fwhm"):
        load_config("galaxies", settings)


def test_denoising_needs_fresh_galaxies(rows, tmp_path):
    settings = [*TINY, "streaming.enabled=false", "denoising.network=rdn"]
    run = Run.create(tmp_path / "rdn", load_config("galaxies", settings))
    with pytest.raises(ConfigError, match="denoising.network"):
        train(get_task("galaxies"), rows, run)

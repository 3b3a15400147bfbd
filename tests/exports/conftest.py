"""An export whose slow steps are taken from an earlier one, to be sabotaged."""

import functools
import json
import zipfile

import numpy as np
import pytest

from keras_astro.inference.predictor import open_predictor
from keras_astro.tasks.lensing import LensingTask


@pytest.fixture(scope="session")
def verified(lens_run):
    """Test rows with their codes, their figures of merit, and the run's outputs."""
    sample = lens_run.parts.test.read()
    predictor = open_predictor(lens_run.run.path)
    rows = {"image": sample.inputs["image"]}
    rows["z"] = predictor.run("encode", rows)["z"]
    expected = {
        f"{signature}/{name}": value
        for signature in predictor.signatures
        for name, value in predictor.run(signature, rows).items()
    }
    merit = functools.partial(LensingTask().merit, sample.targets)
    return rows, merit, expected, predictor.manifest["parameters"]


@pytest.fixture(scope="session")
def model_bytes(artefact):
    """The full-precision TFLite model without its associated files."""
    path = artefact("tflite").path
    with zipfile.ZipFile(path) as archive:
        end = archive.infolist()[0].header_offset
    return path.read_bytes()[:end]


@pytest.fixture(scope="session")
def model(lens_run):
    """The trained Keras model."""
    return lens_run.run.load_model()


@pytest.fixture
def quick_export(lens_run, verified, model, model_bytes, monkeypatch, tmp_path):
    """Exports as TFLite; conversion and the run's own outputs are not done again."""
    from keras_astro.exports import export

    expected = verified[2]
    monkeypatch.setattr(lens_run.run, "load_model", lambda: model)
    monkeypatch.setattr(export, "convert", lambda *_, **__: model_bytes)
    monkeypatch.setattr(export, "keras_outputs", lambda *_: expected)

    def run(folder=tmp_path / "a", **options):
        return export.export_run(
            lens_run.run,
            lens_run.parts.calibration,
            lens_run.parts.test,
            fmt="tflite",
            quantize="none",
            out_dir=folder,
            story=lambda _: None,
            **options,
        )

    return run


@pytest.fixture(scope="session")
def altered(model, model_bytes):
    """The same model with every third weight of one kernel set to zero."""
    kernel = np.asarray(model.get_layer("encoder").weights[0]).T.copy()
    start = model_bytes.index(kernel.tobytes())
    kernel.reshape(-1)[::3] = 0
    end = start + kernel.nbytes
    return model_bytes[:start] + kernel.tobytes() + model_bytes[end:]


# Settings that train in seconds; the other two cases have fixtures of their own.
SETTINGS = {
    "stellar": [
        "data.simulated_rows=320",
        "train.epochs=1",
        "train.jit=off",
        "preprocessing.pca_components=8",
        "preprocessing.continuum_bins=6",
        "model.latent_dim=3",
        "model.hidden=[16]",
        "model.regressor_hidden=[16]",
        "model.members=2",
        "simulation.pixels=240",
    ],
    "alerts": [
        "data.simulated_rows=200",
        "train.epochs=1",
        "model.filters=[6, 8]",
        "model.latent_dim=8",
        "model.hidden=[16]",
        "model.metadata=true",
    ],
    "galaxies": [
        "data.simulated_rows=60",
        "model.filters=[8, 8]",
        "model.hidden=16",
        "model.components=2",
        "train.epochs=1",
        "train.batch_size=32",
        "streaming.rows_per_epoch=128",
        "streaming.calibration_rows=256",
    ],
}


def tiny_run(case, folder):
    """A finished run of a case on tiny settings, and its parts."""
    from keras_astro.data.sample import MemorySource, concatenate
    from keras_astro.tasks.catalog import get_task, load_config
    from keras_astro.training.run import Run
    from keras_astro.training.train import load_or_make_split, make_parts, train

    config, task = load_config(case, SETTINGS[case]), get_task(case)
    blocks = list(task.simulate(config, config.data.simulated_rows, seed=1))
    rows = MemorySource(concatenate(blocks))
    run = Run.create(folder / "run", config)
    train(task, rows, run)
    return run, make_parts(rows, load_or_make_split(rows, run, config))


@pytest.fixture(scope="session")
def saved_case(request, tmp_path_factory):
    """Folder of a case's SavedModel and what is around it, and its manifest."""

    @functools.cache
    def saved(case):
        from keras_astro.exports import export

        if case == "lensing":
            folder = request.getfixturevalue("artefact")("saved_model").path.parent
        else:
            folder = tmp_path_factory.mktemp(case)
            if case == "cgm":
                known = request.getfixturevalue("cgm_run")
                run, parts = known.run, known.parts
            else:
                run, parts = tiny_run(case, folder)
            folder = folder / "out"
            with pytest.MonkeyPatch.context() as patch:
                # The C program compares with Keras; another process takes seconds.
                patch.setattr(export, "verify", lambda *_, **__: {})
                export.export_run(
                    run,
                    parts.calibration,
                    export.rows_to_verify(parts),
                    fmt="saved_model",
                    out_dir=folder,
                    story=lambda _: None,
                )
        manifest = folder / case / "1" / "assets.extra" / "manifest.json"
        return folder, json.loads(manifest.read_text())

    return saved

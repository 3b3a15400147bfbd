"""An export whose slow steps are taken from an earlier one, to be sabotaged."""

import functools
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

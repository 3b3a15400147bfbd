"""The challenge's two functions from one file, in a process without TensorFlow."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from keras_astro.errors import ArtefactError
from keras_astro.inference import cgm
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.refinement import refine_latents, starts_of
from keras_astro.inference.spectrum_quality import spectrum_flags
from keras_astro.models.refine import velocity_starts

FRESH = """
import hashlib, json, sys
import numpy as np
from keras_astro.inference import cgm
model = cgm.load(sys.argv[1])
spectra = np.load(sys.argv[2])
z = model.reduce_dimensionality(spectra)
again = model.calculate_reconstructions(z)
print(json.dumps({
    "z": hashlib.sha256(z.tobytes()).hexdigest(),
    "spectra": hashlib.sha256(again.tobytes()).hexdigest(),
    "model": model.sha256,
    "tensorflow": "tensorflow" in sys.modules,
    "loss": cgm.challenge_loss(spectra, again, z.shape[1]),
}))
"""


@pytest.fixture(scope="module")
def spectra(cgm_run):
    return cgm_run.parts.test.read().inputs["flux"]


@pytest.fixture(scope="module")
def model(cgm_tflite):
    return cgm.load(cgm_tflite)


def test_a_few_float32_numbers_and_back(model, spectra):
    z = model.reduce_dimensionality(spectra)
    again = model.calculate_reconstructions(z)
    assert (z.shape, z.dtype) == ((len(spectra), 3), np.float32)
    assert (again.shape, again.dtype) == (spectra.shape, np.float32)
    plain = model.calculate_reconstructions(
        model.reduce_dimensionality(spectra, refine=False)
    )
    errors = [np.mean((x - spectra) ** 2, axis=1) for x in (again, plain)]
    assert (errors[0] <= errors[1] + 1e-9).all()
    assert errors[0].mean() < 0.9 * errors[1].mean()


def test_no_information_hides_in_the_digits_of_latents(model, spectra):
    z = model.reduce_dimensionality(spectra)
    short = z.astype(np.float16).astype(np.float32)
    exact, rounded = (
        np.mean((model.calculate_reconstructions(x) - spectra) ** 2) for x in (z, short)
    )
    assert rounded - exact < 0.02 * exact + 1e-7


def test_fresh_processes_give_identical_bytes_without_tensorflow(
    cgm_tflite, spectra, tmp_path, model
):
    np.save(tmp_path / "s.npy", spectra)
    command = [sys.executable, "-c", FRESH, str(cgm_tflite), str(tmp_path / "s.npy")]
    first, second = (
        json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        for _ in range(2)
    )
    assert first == second
    assert first["tensorflow"] is False
    assert first["model"] == model.sha256
    assert len(first["model"]) == 64


def test_masked_pixels_do_not_move_refined_latents(model, spectra):
    mask = np.zeros(spectra.shape, "uint8")
    mask[:, 100:130] = 1
    spoilt = spectra.copy()
    spoilt[:, 100:130] = 9.0
    ones = np.ones_like(spectra)
    z = model.reduce_dimensionality(spectra, ivar=ones, mask=mask)
    other = model.reduce_dimensionality(spoilt, ivar=ones, mask=mask)
    assert np.array_equal(z, other)


def test_the_run_itself_gives_the_same_functions(cgm_run, model, spectra):
    run = cgm.load(cgm_run.run.path)
    assert run.sha256 == model.sha256
    z = run.reduce_dimensionality(spectra[:5], refine=False)
    close = model.reduce_dimensionality(spectra[:5], refine=False)
    assert np.allclose(z, close, atol=0.02 * np.abs(z).max())


def test_refinement_begins_from_spectra_that_were_trained_on(
    cgm_run, cgm_tflite, model, spectra
):
    known = np.asarray(cgm_run.run.load_model().get_layer("known_codes").codes)
    for path in (cgm_run.run.path, cgm_tflite):
        starts = starts_of(open_predictor(path).manifest, 3)
        assert np.array_equal(starts[:7], velocity_starts(3))
        assert np.allclose(starts[7:], known, rtol=1e-3, atol=1e-3)
    assert len(known) == len(cgm_run.parts.train)
    # From codes that are far off, the known ones lead to where good ones lead.
    predictor, inputs = model.predictor, {"flux": spectra}
    lost = np.full((len(spectra), 3), 9.0, "float32")
    begun = refine_latents(predictor, inputs, lost).chi_square
    good = predictor.run("encode", inputs)["z"]
    best = refine_latents(predictor, inputs, good).chi_square
    assert np.median(begun / best) < 1.1


def test_models_that_know_no_codes_begin_from_plain_spectra():
    assert np.array_equal(starts_of({}, 6), velocity_starts(6))


def test_predict_refine_adds_errors_to_the_table(cgm_tflite, cgm_run, tmp_path):
    from keras_astro.cli.predict import predict

    night = tmp_path / "night.npz"
    sample = cgm_run.parts.test.read()
    np.savez(night, **sample.inputs, **sample.axes)
    out = tmp_path / "out.csv"
    done = CliRunner().invoke(
        predict, [str(cgm_tflite), str(night), "-o", str(out), "--refine"]
    )
    assert done.exit_code == 0, done.output
    head, *rows = out.read_text().splitlines()
    assert {"z_0", "z_error_2", "refined_score", "p_value"} <= set(head.split(","))
    assert len(rows) == len(sample)


def test_other_models_are_refused(lens_run, refused):
    with refused(ArtefactError, "lensing", "cgm"):
        cgm.load(lens_run.run.path)


def test_quality_flags_of_spectra():
    flux = np.ones((5, 50))
    flux[:4] -= np.linspace(0, 0.5, 50) ** 4
    flux[1] *= 2.0
    flux[2, :20] = np.nan
    flux[3] = np.nan
    found = spectrum_flags({"flux": flux}).tolist()
    assert found == ["", "not_normalised", "masked", "empty", "constant"]
    mask = np.zeros((5, 50), "uint8")
    mask[0, :30] = 1
    assert spectrum_flags({"flux": flux, "mask": mask})[0] == "masked"
    assert spectrum_flags({"flux": flux, "ivar": 1 - mask})[0] == "masked"

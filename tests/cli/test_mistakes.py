"""Mistakes: one line that names them, the next step, and an exit code."""

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image


def usage(answer, *words):
    """A mistake on the command line, which click reports in its own words."""
    assert answer.code == 2
    assert answer.out == ""
    assert "Traceback" not in answer.err
    for word in words:
        assert word in answer.err


def test_unknown_verb(kastro):
    usage(kastro("trian", "lensing"), "No such verb 'trian'", "Did you mean train?")


def test_unknown_option(kastro):
    usage(kastro("train", "lensing", "--overwite"), "--overwrite")


def test_missing_argument(kastro):
    usage(kastro("simulate", "lensing", "-n", 3), "--output")


@pytest.mark.parametrize("verb", ["train", "tune"])
def test_unknown_task(kastro, verb):
    answer = kastro(verb, "lensin").refused(2, "lensin is not a task")
    assert "did you mean lensing?" in answer.err


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.epoch=3", "did you mean train.epochs?"),
        ("model.latentdim=3", "did you mean model.latent_dim?"),
        ("train.epochs=many", "train.epochs = 'many'"),
        ("train.epochs=0", "greater than or equal to 1"),
        ("train.epochs", "expected key=value"),
        ("simulation.preset=slcc", "simulation.preset"),
    ],
)
def test_wrong_settings(kastro, tmp_path, setting, words):
    command = "simulate", "lensing", "-n", 3, "-o", "a.h5", "--set", setting
    answer = kastro(*command, cwd=tmp_path).refused(3, words)
    assert len(answer.err.splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


def test_damaged_configuration(kastro, tmp_path):
    (tmp_path / "a.yaml").write_text("task: lensing\ntrain: [1, 2\n")
    kastro("train", "a.yaml", cwd=tmp_path).refused(3, "a.yaml line 3: not YAML")


def test_configuration_without_a_task(kastro, tmp_path):
    (tmp_path / "a.yaml").write_text("seed: 3\n")
    kastro("train", "a.yaml", cwd=tmp_path).refused(3, "task: lensing")


def truncated_jpeg(folder):
    path = sorted(folder.iterdir())[5]
    path.write_bytes(path.read_bytes()[:400])
    return folder


def wrong_size(folder):
    Image.new("L", (32, 48)).save(folder / "05.jpg")
    return folder


def no_image(folder):
    (folder / "05.jpg").write_text("not found")
    return folder


def empty_folder(folder):
    (folder.parent / "empty").mkdir()
    return folder.parent / "empty"


def nan_fits(folder):
    pixels = np.ones((64, 64), "float32")
    pixels[3:5] = np.nan
    fits.writeto(folder.parent / "nan.fits", pixels)
    return folder.parent / "nan.fits"


def text_as_store(folder):
    (folder.parent / "text.h5").write_text("id,score\n")
    return folder.parent / "text.h5"


def absent(folder):
    return folder / "absent.npz"


BAD = {
    truncated_jpeg: "05.jpg: truncated",
    wrong_size: "05.jpg: expected 64 x 64 pixels in 1 band, found 48 x 32",
    no_image: "05.jpg: not a JPEG or PNG image",
    empty_folder: "expected images",
    nan_fits: "NaN",
    text_as_store: "text.h5",
    absent: "no such file",
}


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_bad_data_to_describe(kastro, images, spoil):
    answer = kastro("data", "describe", spoil(images)).refused(4, BAD[spoil])
    assert answer.out == ""


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_bad_data_to_train_on(kastro, images, tmp_path, spoil, tiny):
    words = "train", "lensing", "--data", spoil(images), *tiny(), "-o", tmp_path / "r"
    answer = kastro(*words)
    assert answer.code == 4
    answer.refused(4)


@pytest.mark.parametrize("spoil", [truncated_jpeg, wrong_size, no_image])
def test_one_bad_file_does_not_stop_a_night(kastro, images, tmp_path, spoil, trained):
    table = tmp_path / "scores.csv"
    answer = kastro("predict", trained[0], spoil(images), "-o", table).done()
    scored, drift = answer.out.splitlines()
    assert scored == f"{table}: 11 rows, {scored.split()[-2]} flagged"
    assert drift == "drift: not judged, 11 rows of at least 100"
    aside = (tmp_path / "scores-quarantined.csv").read_text().splitlines()
    assert len(aside) == 2
    assert aside[1].startswith('"05.jpg"')


def test_validate_lists_what_is_wrong(kastro, images):
    answer = kastro("data", "validate", truncated_jpeg(images))
    assert answer.code == 4
    assert answer.out.startswith("05.jpg: truncated")


def test_images_of_another_size_than_the_models(kastro, trained, tmp_path):
    Image.new("L", (32, 32), 9).save(tmp_path / "a.jpg")
    words = "predict", trained[0], tmp_path / "a.jpg", "-o", tmp_path / "a.csv"
    kastro(*words).refused(4, "expected image of shape")
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_model_that_is_none(kastro, store, tmp_path, verb):
    (tmp_path / "a.tflite").write_bytes(b"not a model")
    more = (
        ["--data", store] if verb == "evaluate" else [store, "-o", tmp_path / "a.csv"]
    )
    kastro(verb, tmp_path / "a.tflite", *more).refused(5, "a.tflite")


def test_pages_that_cannot_be(kastro):
    answer = kastro("explore", "--set", "seed=1").refused(2, "exactly one", "found 0")
    assert "kastro explore RUN" in answer.err
    answer = kastro("explore", "cgm", "lensing", "cgm").refused(2, "several of cgm")
    assert "several of cgm\n" in answer.err
    assert "--port 0" in answer.err


def test_an_artefact_needs_rows(kastro):
    answer = kastro("evaluate", "preset:lensing").refused(2, "expected --data")
    assert "kastro simulate lensing -n 1000 -o lensing.h5" in answer.err


def test_a_folder_that_is_no_run(kastro, tmp_path):
    kastro("runs", "show", tmp_path).refused(5, "kastro runs list")


def test_export_without_any_run(kastro, tmp_path):
    words = "export", "--format", "tflite"
    kastro(*words, cwd=tmp_path).refused(5, "no finished run")


def test_table_of_unknown_format(kastro, store, trained, tmp_path):
    words = "predict", trained[0], store, "-o", tmp_path / "a.xlsx"
    kastro(*words).refused(2, ".ecsv")


def test_a_search_of_another_task_is_refused(kastro, tmp_path):
    (tmp_path / "best.yaml").write_text("task: lensing\n")
    answer = kastro("train", "spectra", "--from", tmp_path)
    answer.refused(2, "is a search for lensing, not for spectra")

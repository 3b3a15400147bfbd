"""Exports that fail leave nothing behind; what exists is kept."""

import errno
import shutil

import numpy as np
import pytest

from keras_astro.errors import ArtefactError, DataError, UsageError, VerificationError
from keras_astro.exports import export
from keras_astro.training.run import Run


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def truncate(path, *_):
    path.write_bytes(path.read_bytes()[:-3000])


def test_quick_export_is_a_whole_export(quick_export, tmp_path):
    result = quick_export()
    assert result.path == tmp_path / "a" / "lensing-none.tflite"
    assert left_in(tmp_path) == ["a"]
    assert left_in(tmp_path / "a") == ["lensing-none.tflite", "verification.json"]


def test_int8_is_handed_the_merit_of_the_task(quick_export, model_bytes, monkeypatch):
    handed = {}
    monkeypatch.setattr(
        export, "convert", lambda *_, **options: handed.update(options) or model_bytes
    )
    quick_export()
    truth = {"is_anomaly": np.arange(8) % 2}
    for outputs, auc in ((truth["is_anomaly"], 1.0), (-truth["is_anomaly"], 0.0)):
        assert handed["merit"](truth, {"score": outputs}) == {"auc": auc}


def test_altered_weights_are_found(
    quick_export, altered, monkeypatch, tmp_path, refused
):
    monkeypatch.setattr(export, "convert", lambda *_, **__: altered)
    with refused(VerificationError, "differs from the model by") as caught:
        quick_export()
    assert caught.value.exit_code == 6
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("damage", ["truncated", "no_manifest", "no_model"])
def test_broken_file_is_found(quick_export, monkeypatch, tmp_path, refused, damage):
    if damage == "no_model":
        monkeypatch.setattr(export, "convert", lambda *_, **__: bytes(4_000_000))
    else:
        broken = truncate if damage == "truncated" else lambda *_: None
        monkeypatch.setattr(export, "append_files", broken)
    with refused(VerificationError, "a fresh process cannot run it", "ArtefactError"):
        quick_export()
    assert left_in(tmp_path) == []


def test_dying_process_is_found(quick_export, monkeypatch, tmp_path, refused):
    from keras_astro.exports import verify

    monkeypatch.setattr(verify, "RELOAD", "import os; os.kill(os.getpid(), 9)")
    with refused(VerificationError, "it ended with -9"):
        quick_export()
    assert left_in(tmp_path) == []


def test_tensorflow_in_the_tflite_path_is_found(
    quick_export, monkeypatch, tmp_path, refused
):
    from keras_astro.exports import verify

    script = "import sys; sys.modules['tensorflow'] = sys\n" + verify.RELOAD
    monkeypatch.setattr(verify, "RELOAD", script)
    with refused(VerificationError, "a fresh process cannot run it"):
        quick_export()
    assert left_in(tmp_path) == []


def test_existing_artefact_is_refused_then_replaced(quick_export, tmp_path, refused):
    old = quick_export().path
    old.write_bytes(b"old")
    with refused(UsageError, tmp_path / "a", "exists", hint="--overwrite") as caught:
        quick_export()
    assert caught.value.exit_code == 2
    assert old.read_bytes() == b"old"
    quick_export(overwrite=True)
    assert old.stat().st_size > 1_000_000
    assert left_in(tmp_path) == ["a"]


def test_failed_export_keeps_the_older_one(
    quick_export, altered, monkeypatch, tmp_path, refused
):
    before = quick_export().path.read_bytes()
    monkeypatch.setattr(export, "convert", lambda *_, **__: altered)
    with refused(VerificationError, "differs from the model by"):
        quick_export(overwrite=True)
    assert (tmp_path / "a" / "lensing-none.tflite").read_bytes() == before
    assert left_in(tmp_path) == ["a"]


def test_foreign_folder_is_never_replaced(quick_export, tmp_path, refused):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.tex").write_text("x")
    with refused(UsageError, "not an exported artefact", hint="-o") as caught:
        quick_export(overwrite=True)
    assert caught.value.exit_code == 2
    assert left_in(tmp_path / "a") == ["thesis.tex"]


def test_file_in_the_way_is_refused(quick_export, tmp_path, refused):
    (tmp_path / "a").write_text("x")
    with refused(UsageError, "is a file, expected a folder"):
        quick_export(overwrite=True)
    with refused(DataError, "cannot be written"):
        quick_export(folder=tmp_path / "a" / "b")
    assert (tmp_path / "a").read_text() == "x"


def test_full_disk_leaves_nothing(quick_export, monkeypatch, tmp_path, refused):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export, "append_files", full)
    with refused(DataError, tmp_path / "a", "No space left", hint="Free") as caught:
        quick_export()
    assert caught.value.exit_code == 4
    assert left_in(tmp_path) == []


def test_interrupt_leaves_nothing(quick_export, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "verify", interrupt)
    with pytest.raises(KeyboardInterrupt):
        quick_export()
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("missing", ["model.keras", "manifest.json"])
def test_unfinished_run_is_refused(lens_run, tmp_path, refused, missing):
    shutil.copytree(lens_run.run.path, tmp_path / "run")
    (tmp_path / "run" / missing).unlink()
    with refused(
        ArtefactError, tmp_path / "run", hint="config.yaml --resume -o"
    ) as caught:
        export.export_run(
            Run.open(tmp_path / "run"),
            lens_run.parts.calibration,
            lens_run.parts.test,
            fmt="tflite",
            story=lambda _: None,
        )
    assert caught.value.exit_code == 5
    assert not (tmp_path / "run" / "exports").exists()


def test_unknown_combination_names_the_known_ones(lens_run, refused):
    calibration, test = lens_run.parts.calibration, lens_run.parts.test
    with refused(UsageError, "saved_model int8 is not offered", "tflite float16"):
        export.export_run(
            lens_run.run,
            calibration,
            test,
            fmt="saved_model",
            quantize="int8",
            story=lambda _: None,
        )

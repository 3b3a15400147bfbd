"""What verbs may create, and what they never replace."""

import shutil
import subprocess

import pytest

from keras_astro.tasks.catalog import load_config
from keras_astro.training.run import Run


@pytest.fixture
def command(store, tiny):
    return ["train", "lensing", "--data", store, *tiny()]


def test_an_existing_run_is_refused(kastro, command, trained):
    folder = trained[0]
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    answer = kastro(*command, "-o", folder).refused(2, "exists already")
    assert "--resume" in answer.err
    assert "--overwrite" in answer.err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("verb", ["train", "tune"])
def test_an_existing_run_is_refused_before_data_are_opened(kastro, trained, verb):
    words = [verb, "lensing", "--data", "absent.h5", "-o", trained[0]]
    kastro(*words).refused(2, "exists already")


def test_resume_needs_the_same_settings(kastro, command, trained):
    words = [*command, "-o", trained[0], "--resume", "--set", "seed=1"]
    kastro(*words).refused(5, "other settings")


@pytest.mark.parametrize("verb", ["train", "tune"])
@pytest.mark.parametrize("name", ["thesis.tex", "config.yaml"])
def test_a_foreign_folder_is_kept(kastro, command, tmp_path, verb, name):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("title: a year of work\n")
    words = [verb, *command[1:], "-o", tmp_path / "mine", "--overwrite"]
    kastro(*words).refused(2, "not a run folder")
    assert (tmp_path / "mine" / name).read_text() == "title: a year of work\n"


def test_a_file_is_no_folder(kastro, command, tmp_path):
    (tmp_path / "mine").write_text("text")
    kastro(*command, "-o", tmp_path / "mine", "--overwrite").refused(2, "is a file")
    assert (tmp_path / "mine").read_text() == "text"


def test_an_export_does_not_replace_a_foreign_folder(kastro, trained, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("text")
    words = "export", trained[0], "--format", "tflite", "-o", tmp_path / "mine"
    kastro(*words, "--overwrite").refused(2, "will not be replaced")
    assert (tmp_path / "mine" / "thesis.tex").exists()


@pytest.mark.parametrize("verb", ["simulate", "convert", "predict"])
def test_an_existing_file_is_refused(kastro, store, trained, tmp_path, verb):
    suffix = "csv" if verb == "predict" else "h5"
    path = tmp_path / f"mine.{suffix}"
    path.write_text("text")
    words = {
        "simulate": ["simulate", "lensing", "-n", 3],
        "convert": ["data", "convert", store],
        "predict": ["predict", trained[0], store],
    }[verb]
    kastro(*words, "-o", path).refused(2, "exists already", "--overwrite")
    assert path.read_text() == "text"


@pytest.fixture(scope="module")
def replaced(kastro, base, smooth, tiny):
    """A finished run in the place of one that was begun with other settings."""
    folder = base / "replaced"
    Run.create(folder, load_config("lensing", ["seed=7"]))
    (folder / "stale.txt").write_text("old")
    words = ["train", "lensing", "--data", smooth, *tiny("physics.enabled=false")]
    words += ["-o", folder]
    kastro(*words, "--overwrite").done()
    return folder, words


def test_overwrite_replaces_a_run(replaced):
    folder, _ = replaced
    assert not (folder / "stale.txt").exists()
    assert (folder / "model.keras").is_file()
    assert Run.open(folder).config.seed == 0


def test_a_finished_run_is_not_trained_again(kastro, replaced):
    folder, words = replaced
    before = (folder / "model.keras").stat().st_mtime_ns
    answer = kastro(*words, "--resume").done()
    assert "epoch" not in answer.err
    assert (folder / "model.keras").stat().st_mtime_ns == before


def test_dry_run_shows_all_and_creates_nothing(kastro, command, tmp_path):
    answer = kastro(*command, "--dry-run", cwd=tmp_path).done()
    for words in ("epochs: 3", "rows: train", "parameters", "steps", "autoencoder"):
        assert words in answer.out
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of half a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    if shutil.which("mount") is None:
        pytest.skip("there is no mount command")
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


# In processes of their own: HDF5 cannot close a file that it cannot write out, and
# holds it for as long as the process lives.


def test_a_full_disk_is_one_line(apart, command, small_disk):
    words = [*command, "--set", "train.checkpoint_seconds=0"]
    apart(*words, "-o", small_disk / "run").refused(4, "No space left")
    left = {path.name for path in (small_disk / "run").rglob("*")}
    assert "config.yaml" in left
    assert not [name for name in left if name.endswith((".keras", ".h5"))]


def test_a_full_disk_leaves_no_table(apart, store, small_disk):
    words = "data", "convert", store, "-o", small_disk / "copy.h5"
    apart(*words).refused(4, "No space left")
    assert list(small_disk.iterdir()) == []

"""Prediction over many files: in processes, killed and resumed, some files broken."""

import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table

from keras_astro.data.parts import ArrayParts
from keras_astro.errors import ArtefactError
from keras_astro.inference import units
from keras_astro.inference.drift import DriftWatch
from keras_astro.inference.manifest import read_manifest
from keras_astro.inference.presets import resolve_preset

MODEL = "preset:lensing"


@pytest.fixture(scope="module")
def night(kastro, store, base):
    """300 lenses in a folder of twelve stores."""
    folder = base / "night"
    kastro("data", "convert", store, "-o", folder, "--part-rows", 25).done()
    assert len(list(folder.iterdir())) == 12
    return folder


@pytest.fixture(scope="module")
def whole(kastro, night, base):
    """The table of all of them, made in one go, and the answer."""
    path = base / "whole.csv"
    return path, kastro("predict", MODEL, night, "-o", path, "--json").done().json


def hidden(folder):
    return list(folder.glob(".*.parts"))


def test_parts_are_joined_as_one_file_would_be(kastro, store, whole, tmp_path):
    path, told = whole
    single = tmp_path / "single.csv"
    answer = kastro("predict", MODEL, store, "-o", single, "--json").done().json
    found, expected = Table.read(path), Table.read(single)
    assert list(found["id"]) == list(expected["id"])
    assert found.colnames == expected.colnames
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-3, atol=1e-4)
    assert told["drift"]["rows"] == answer["drift"]["rows"] == 300
    assert told["drift"]["psi"].keys() == answer["drift"]["psi"].keys()


@pytest.mark.slow
def test_killed_and_resumed_in_processes_it_is_the_same(
    kastro, started, night, whole, tmp_path
):
    output = tmp_path / "killed.csv"
    words = "predict", MODEL, night, "-o", output
    process = started(*words)
    kept = tmp_path / ".killed.csv.parts"
    while not list(kept.glob("*.npz")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.002)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not output.exists()
    before = {p: p.stat().st_mtime_ns for p in kept.glob("*.npz")}
    assert 1 <= len(before) < 12
    other = "--refine", "--resume"
    kastro(*words, *other).refused(2, "was begun with refine = False, found True")
    answer = kastro(*words, "--jobs", 2, "--resume", "--json").done()
    assert f"scoring files: {len(before) + 1}/12" in answer.err or len(before) > 10
    assert output.read_bytes() == whole[0].read_bytes()
    assert answer.json["drift"] == whole[1]["drift"]
    assert hidden(tmp_path) == []


def test_an_interruption_keeps_what_is_done(
    kastro, night, whole, tmp_path, monkeypatch
):
    done = []
    score_unit = units.score_unit

    def interrupted(unit, **options):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(unit)
        return score_unit(unit, **options)

    output = tmp_path / "stopped.csv"
    words = "predict", MODEL, night, "-o", output
    with monkeypatch.context() as patch:
        patch.setattr(units, "score_unit", interrupted)
        stopped = kastro(*words)
        assert stopped.code == 130
        assert stopped.err.rstrip().endswith("--resume")
        done.append(None)
        kastro(*words, "--resume").done()
    assert len(done) == 1 + 12
    assert output.read_bytes() == whole[0].read_bytes()


def test_a_changed_file_is_not_taken_for_the_old_one(kastro, night, tmp_path):
    copy = tmp_path / "night"
    shutil.copytree(night, copy)
    for path in sorted(copy.iterdir())[3:]:
        path.unlink()
    (copy / "part-00001.h5").write_bytes(b"no store")
    words = "predict", MODEL, copy, "-o", tmp_path / "a.csv"
    kastro(*words, "--on-bad", "raise").refused(4, "part-00001.h5")
    assert hidden(tmp_path)
    shutil.copy(night / "part-00001.h5", copy)
    kastro(*words, "--on-bad", "raise", "--resume").refused(2, "was begun with files")
    kastro(*words).done()
    assert hidden(tmp_path) == []


def test_files_that_cannot_be_read_are_set_aside(kastro, night, tmp_path):
    copy = tmp_path / "night"
    copy.mkdir()
    shutil.copy(night / "part-00000.h5", copy)
    (copy / "part-00001.h5").write_bytes(b"no store")
    output = tmp_path / "a.csv"
    found = kastro("predict", MODEL, copy, "-o", output, "--json").done().json
    assert found["rows"] == 25
    ((name, reason),) = found["quarantined"]
    assert name.endswith("part-00001.h5")
    assert "not HDF5" in reason
    assert name in (tmp_path / "a-quarantined.csv").read_text()
    (copy / "part-00000.h5").write_bytes(b"no store")
    words = "predict", MODEL, copy, "-o", tmp_path / "b.csv"
    kastro(*words).refused(4, "part-00000.h5", "None of 2 files")
    words = "predict", MODEL, copy / "absent.h5", night, "-o", tmp_path / "b.csv"
    kastro(*words).refused(4, "absent.h5: no such file")


def test_a_store_of_many_rows_is_divided(store, monkeypatch):
    inputs = {"image": {"shape": [None, 64, 64, 1]}}
    manifest = {"task": "lensing", "signatures": {"predict": {"inputs": inputs}}}
    path = Path("model.tflite")
    (one,) = units.divide(path, manifest, [store])
    assert (one.rows, one.alone) == (None, True)
    monkeypatch.setattr(units, "UNIT_ROWS", 128)
    found = units.divide(path, manifest, [store])
    assert [unit.rows for unit in found] == [(0, 128), (128, 256), (256, 300)]
    assert all(unit.alone for unit in found)
    assert found[1].name == f"{store}, rows 128 to 255"
    assert not any(unit.alone for unit in units.divide(path, manifest, [store] * 2))


def test_another_model_in_the_place_of_the_first_is_refused(
    kastro, night, tmp_path, refused
):
    copy = tmp_path / "model.tflite"
    shutil.copy(resolve_preset(MODEL), copy)
    manifest = read_manifest(copy)
    unit = units.divide(copy, manifest, [night / "part-00000.h5"])[0]
    assert len(units.score_unit(unit)["id"]) == 25
    changed = units.divide(copy, manifest | {"created": "later"}, [night])[0]
    with refused(ArtefactError, "model.tflite: is another model"):
        units.score_unit(changed)


def test_parts_of_another_export_are_not_taken(kastro, night, tmp_path):
    kept = ArrayParts(tmp_path / "a.csv", {"model": "int8"}, resume=False)
    kept.keep(0, {"x": np.ones(1)})
    words = "predict", MODEL, night, "-o", tmp_path / "a.csv", "--resume"
    kastro(*words).refused(2, "was begun with")


def test_files_below_a_folder_are_facts(tmp_path):
    (tmp_path / "night" / "first").mkdir(parents=True)
    file = tmp_path / "night" / "first" / "a.jpg"
    file.write_bytes(b"1")
    unit = units.Unit(Path("m.tflite"), "", (tmp_path / "night",))
    before = unit.facts()
    file.write_bytes(b"23")
    assert unit.facts() != before


def test_alerts_of_one_object_stay_together(tmp_path):
    paths = [tmp_path / "a.avro", tmp_path / "b.avro"]
    for path in paths:
        path.touch()
    for shape, parts in ([None, 8, 63, 63, 3], 1), ([None, 63, 63, 3], 2):
        inputs = {"stamps": {"shape": shape}}
        manifest = {"task": "alerts", "signatures": {"predict": {"inputs": inputs}}}
        assert len(units.divide(Path("m.tflite"), manifest, paths)) == parts


def test_drift_is_that_of_rows_seen_one_after_the_other():
    edges = {"edges": [0.0], "counts": [50, 50]}
    manifest = {
        "reference": {"rows": 100, "quantities": {"score": edges}},
        "signatures": {"predict": {"inputs": {}}},
    }
    rng = np.random.default_rng(0)
    blocks = [rng.normal(i / 4, 1, 60).astype("float32") for i in range(9)]
    direct, later = (DriftWatch(manifest, window=200) for _ in range(2))
    parts = []
    for some in (blocks[:2], blocks[2:3], blocks[3:]):
        seen = units.Seen(manifest)
        for block in some:
            direct.add({}, {"score": block})
            seen.add({}, {"score": block})
        rows = np.zeros(60 * len(some))
        named = {"id": rows.astype(str), "flags": rows.astype(str)}
        parts.append({"output/score": rows, **named, **seen.arrays()})
    joined = units.join(iter(parts), later)
    assert len(joined.ids) == 540
    assert later.report() == direct.report()
    assert later.report()["alarms"] > 0


def test_reasons_of_some_files_are_empty_for_the_others():
    flags = np.array(["", ""])
    rows = {"output/x": np.zeros(2), "id": flags, "flags": flags}
    told = rows | {"reasons": np.array(["", "no PSF"])}
    watch = SimpleNamespace(take=None)
    joined = units.join([rows, told], watch)
    assert joined.scored.reasons.tolist() == ["", "", "", "no PSF"]
    assert units.join([rows], watch).scored.reasons is None

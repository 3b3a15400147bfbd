import zipfile

import numpy as np
import pytest
from astropy.io import fits

from keras_astro.data.describe import describe
from keras_astro.data.readers import open_many, open_source
from keras_astro.data.schemas import LENSING
from keras_astro.data.store import StoreSource, write_store
from keras_astro.errors import DataError


def folder_of(path, encode, levels, **options):
    path.mkdir(parents=True)
    for level in levels:
        (path / f"{level}.png").write_bytes(encode(level, **options))
    return path


def test_absent_empty_and_unknown_paths_are_refused(tmp_path, refused):
    with refused(DataError, tmp_path / "no", "no such file or folder") as caught:
        open_source(tmp_path / "no", LENSING)
    assert caught.value.exit_code == 4
    (tmp_path / "empty").mkdir()
    with refused(DataError, tmp_path / "empty", "expected images", hint="folder"):
        open_source(tmp_path / "empty", LENSING)
    for name in ("a.h5", "a.zip", "a.fits", "a.jpg", "a.npz"):
        (tmp_path / name).touch()
        with refused(DataError, tmp_path / name, "expected data, found an empty file"):
            open_source(tmp_path / name, LENSING)
    (tmp_path / "a.csv").write_text("1,2")
    (tmp_path / "a.pkl").write_bytes(b"x")
    for name, hint in (("a.csv", "numpy.savez"), ("a.pkl", "--from-pickle")):
        with refused(DataError, tmp_path / name, "expected .h5", name[1:], hint=hint):
            open_source(tmp_path / name, LENSING)
    with refused(DataError, "at least one", "none"):
        open_many([], LENSING)


def test_one_image_file_is_one_row(tmp_path, encode):
    (tmp_path / "A.JPG").write_bytes(encode(50, kind="JPEG"))
    rows = open_source(tmp_path / "A.JPG", LENSING).read()
    assert rows.inputs["image"].shape == (1, 12, 12, 1)
    assert rows.meta["id"].tolist() == ["A.JPG"]


def test_hidden_fits_file_does_not_hide_the_images(tmp_path, encode):
    path = folder_of(tmp_path / "x", encode, [1, 2])
    (path / ".cache").mkdir()
    fits.PrimaryHDU(np.ones((12, 12))).writeto(path / ".cache" / "a.fits")
    assert open_source(path, LENSING).facts()["id"].tolist() == ["1.png", "2.png"]


def test_several_paths_are_one_source(tmp_path, encode, store, make_sample):
    folder = folder_of(tmp_path / "x" / "sub", encode, [10, 20, 30]).parent
    source = open_many([store, folder], LENSING)
    assert len(source) == 103
    rows = source.take([102, 0, 101, 7, 7])
    assert rows.meta["id"].tolist() == [
        *("sub/30.png", "row-0", "sub/20.png", "row-7", "row-7")
    ]
    assert rows.targets["is_anomaly"].tolist() == [1, 0, 1, 1, 1]
    assert rows.inputs["image"][:, 0, 0, 0].tolist() == [30, 0, 20, 7, 7]
    facts = source.facts()
    assert facts["id"].tolist() == source.read().meta["id"].tolist()
    assert facts["is_anomaly"].sum() == 53
    assert len(source.take([])) == 0


def test_joined_sources_become_a_store_of_shared_fields(tmp_path, encode, store):
    unlabelled = folder_of(tmp_path / "plain", encode, [10, 20, 30])
    for number, paths in enumerate([[store, unlabelled], [unlabelled, store]]):
        source = open_many(paths, LENSING)
        path = tmp_path / f"joined{number}.h5"
        blocks = source.blocks(40)
        facts = {"generator": "test", "config": {}, "seed": 0}
        assert write_store(path, blocks, **facts) == 103
        rows = StoreSource(path, LENSING).read()
        assert not rows.targets
        assert rows.meta["id"].tolist() == source.facts()["id"].tolist()


def test_joined_sources_of_other_sizes_are_refused(tmp_path, encode, refused):
    small = folder_of(tmp_path / "small", encode, [1])
    large = folder_of(tmp_path / "large", encode, [2], side=20)
    with refused(DataError, small, large, "expected", "12, 12", "20, 20"):
        open_many([small, large], LENSING)


def test_quarantined_files_of_all_paths_are_listed(tmp_path, encode):
    folders = [folder_of(tmp_path / n, encode, [1, 2]) for n in "ab"]
    for folder in folders:
        (folder / "bad.png").write_bytes(b"x")
    source = open_many(folders, LENSING, on_bad="quarantine")
    assert [name for name, _ in source.quarantined] == ["bad.png", "bad.png"]
    assert len(source) == 4
    assert len(describe(source)["quarantined"]) == 2


def test_real_images_are_read_from_the_archive(slc):
    source = open_source(slc / "validation.zip", LENSING)
    facts = source.facts()
    assert len(source) == 1000
    assert np.bincount(facts["is_anomaly"]).tolist() == [500, 500]
    assert len(np.unique(facts["id"])) == 1000
    block = source.take(np.arange(0, 1000, 50))
    assert block.inputs["image"].shape[1:] == source.shape
    assert np.isfinite(block.inputs["image"]).all()
    assert np.ptp(block.inputs["image"], axis=(1, 2, 3)).min() > 0
    folders = [name.split("/")[1] for name in block.meta["id"]]
    assert [f == "sub" for f in folders] == block.targets["is_anomaly"].tolist()


def test_real_archive_cut_short_is_refused(slc, tmp_path, refused):
    path = tmp_path / "cut.zip"
    path.write_bytes((slc / "validation.zip").read_bytes()[:500_000])
    with refused(DataError, path, "expected a zip archive", hint="Copy it again"):
        open_source(path, LENSING)


def test_real_images_survive_conversion(slc, tmp_path):
    path = tmp_path / "few.zip"
    with zipfile.ZipFile(slc / "train.zip") as archive:
        chosen = [n for n in archive.namelist() if n.endswith(".jpg")][::200]
        with zipfile.ZipFile(path, "w") as few:
            for name in chosen:
                few.writestr(name, archive.read(name))
    source = open_source(path, LENSING)
    facts = {"generator": "test", "config": {}, "seed": 0}
    write_store(tmp_path / "few.h5", source.blocks(4), **facts)
    found = open_source(tmp_path / "few.h5", LENSING).read()
    expected = source.read()
    assert found.meta["id"].tolist() == sorted(chosen)
    np.testing.assert_array_equal(found.inputs["image"], expected.inputs["image"])
    assert found.targets["is_anomaly"].tolist() == [int("/sub/" in n) for n in chosen]


@pytest.mark.parametrize("bad", ["raise", "quarantine"])
def test_one_damaged_real_image(slc, tmp_path, refused, bad):
    with zipfile.ZipFile(slc / "train.zip") as archive:
        names = [n for n in archive.namelist() if n.endswith(".jpg")][:4]
        for number, name in enumerate(names):
            content = archive.read(name)
            cut = content[: len(content) // 2] if number == 2 else content
            (tmp_path / f"{number}.jpg").write_bytes(cut)
    if bad == "raise":
        with refused(DataError, tmp_path, "2.jpg", "truncated", hint="quarantine"):
            open_source(tmp_path, LENSING).read()
    else:
        source = open_source(tmp_path, LENSING, on_bad=bad)
        assert source.read().meta["id"].tolist() == ["0.jpg", "1.jpg", "3.jpg"]
        assert "truncated" in source.quarantined[0][1]

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_astro.data.readers import open_source
from keras_astro.data.readers.images import decode_image
from keras_astro.data.schemas import LENSING
from keras_astro.errors import DataError


@pytest.fixture(params=["folder", "zip"])
def pack(request, tmp_path):
    """Puts files in a folder or in a zip archive; gives the path."""

    def make(files):
        path = tmp_path / "images"
        if request.param == "folder":
            path.mkdir()
            for name, content in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(content)
            return path
        path = tmp_path / "images.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path

    return make


def test_classes_come_from_folders(pack, labelled_files):
    source = open_source(pack(labelled_files), LENSING)
    rows = source.read()
    names = ["set/no_sub/a.jpg", "set/no_sub/b.png", "set/sub/c.jpeg", "set/sub/d.PNG"]
    assert sorted(rows.meta["id"]) == names
    label = dict(zip(rows.meta["id"], rows.targets["is_anomaly"], strict=True))
    assert [label[name] for name in names] == [0, 0, 1, 1]
    level = dict(zip(rows.meta["id"], rows.inputs["image"][:, 0, 0, 0], strict=True))
    assert [round(level[name], -1) for name in names] == [10, 20, 30, 40]
    assert rows.inputs["image"].shape == (4, 12, 12, 1)
    assert rows.inputs["image"].dtype == np.float32
    assert source.facts()["id"].tolist() == rows.meta["id"].tolist()
    assert source.facts()["is_anomaly"].tolist() == rows.targets["is_anomaly"].tolist()


def test_other_folders_give_no_labels(pack, encode):
    source = open_source(pack({"sub/a.png": encode(), "b.png": encode()}), LENSING)
    assert "is_anomaly" not in source.read().targets
    assert source.facts()["is_anomaly"].tolist() == [0, 0]


def test_chosen_rows_come_in_order(pack, encode):
    files = {f"{i}.png": encode(10 * i) for i in range(5)}
    source = open_source(pack(files), LENSING)
    rows = source.take([3, 0, 3])
    assert rows.inputs["image"][:, 0, 0, 0].tolist() == [30, 0, 30]
    assert rows.meta["id"].tolist() == ["3.png", "0.png", "3.png"]
    assert source.take([]).inputs["image"].shape == (0, 12, 12, 1)


def test_nothing_to_read_is_refused(pack, refused):
    path = pack({"readme.txt": b"x"})
    with refused(DataError, path, "expected images", ".jpg", "none", hint="folder"):
        open_source(path, LENSING)


def damage(encode):
    return {
        "truncated": encode(kind="JPEG")[:-20],
        "text": b"not an image",
        "empty": b"",
        "size": encode(side=7, kind="JPEG"),
        "colour": encode(bands=3),
    }


WORDS = {
    "truncated": "truncated",
    "text": "not a JPEG or PNG",
    "empty": "not a JPEG or PNG",
    "size": "expected 12 x 12 pixels in 1 band, found 7 x 7",
    "colour": "found 12 x 12 pixels in 3 bands",
}


@pytest.mark.parametrize("kind", WORDS)
def test_bad_file_is_named(pack, encode, refused, kind):
    path = pack({"a.png": encode(), "b.jpg": damage(encode)[kind], "c.png": encode()})
    source = open_source(path, LENSING)
    assert len(source.take([0, 2])) == 2
    words = path, "b.jpg", WORDS[kind]
    with refused(DataError, *words, hint="--on-bad quarantine") as caught:
        source.read()
    assert ("as PNG" in caught.value.hint) == (kind in ("text", "empty"))
    assert ("one size" in caught.value.hint) == (kind in ("size", "colour"))


@pytest.mark.parametrize("place", ["a.jpg", "m.jpg", "z.jpg"])
@pytest.mark.parametrize("kind", WORDS)
def test_bad_file_is_set_aside(pack, encode, kind, place):
    files = {f"{name}.png": encode(10) for name in ("b", "c", "n")}
    path = pack(files | {place: damage(encode)[kind]})
    done = []
    source = open_source(
        path, LENSING, on_bad="quarantine", progress=lambda *at: done.append(at)
    )
    [(name, reason)] = source.quarantined
    assert name == place
    assert WORDS[kind] in reason
    assert source.read().meta["id"].tolist() == ["b.png", "c.png", "n.png"]
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_nothing_good_is_refused(pack, refused):
    path = pack({"a.png": b"x", "b.png": b"y"})
    with refused(
        DataError, path, "none of 2 files", "a.png: not a JPEG", hint="another program"
    ):
        open_source(path, LENSING, on_bad="quarantine")


def test_file_that_vanishes_is_named(tmp_path, encode, refused):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(encode())
    source = open_source(tmp_path, LENSING)
    (tmp_path / "b.png").unlink()
    with refused(DataError, tmp_path, "b.png", "cannot be read"):
        source.read()


def test_zip_damaged_inside_is_named(tmp_path, encode, refused):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", encode())
        archive.writestr("b.png", bytes(range(256)) * 64)
        start = archive.getinfo("b.png").header_offset + 40
    content = bytearray(path.read_bytes())
    content[start : start + 20] = b"\xff" * 20
    path.write_bytes(content)
    source = open_source(path, LENSING)
    with refused(DataError, path, "b.png", "damaged"):
        source.read()
    source = open_source(path, LENSING, on_bad="quarantine")
    assert [name for name, _ in source.quarantined] == ["b.png"]


def test_truncated_zip_is_refused(tmp_path, encode, refused):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", encode())
    path.write_bytes(path.read_bytes()[:-30])
    with refused(DataError, path, "expected a zip archive", "found", hint="again"):
        open_source(path, LENSING)


def test_sixteen_bits_and_colours_are_kept():
    deep, buffer = np.array([[0, 40000], [65535, 7]], "uint16"), io.BytesIO()
    Image.fromarray(deep).save(buffer, "PNG")
    assert decode_image(buffer.getvalue(), "a")[..., 0].tolist() == deep.tolist()
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1), (255, 0, 9)).save(buffer, "PNG")
    assert decode_image(buffer.getvalue(), "a").tolist() == [[[255, 0, 9]]]


@pytest.mark.parametrize(
    ("header", "words", "hint"),
    [
        (struct.pack(">IIB", 8, 8, 8), "truncated or damaged", "again"),
        (struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0), "many pixels", "Crop"),
    ],
)
def test_impossible_png_header_is_named(refused, header, words, hint):
    chunk = b"IHDR" + header
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk
    content += struct.pack(">I", zlib.crc32(chunk))
    content += b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with refused(DataError, "a.png: ", words, hint=hint):
        decode_image(content, "a.png")


@settings(deadline=None, max_examples=60)
@given(data=st.data(), kind=st.sampled_from(["JPEG", "PNG"]))
def test_any_damage_gives_an_image_or_a_data_error(data, kind):
    buffer = io.BytesIO()
    Image.fromarray(np.arange(64, dtype="uint8").reshape(8, 8)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(0, len(content))) :]
    try:
        found = str(decode_image(bytes(content), "a.jpg").ndim)
    except DataError as error:
        found = str(error)
    assert found == "3" or found.startswith("a.jpg: ")

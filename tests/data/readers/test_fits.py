import gzip
import io

import numpy as np
import pytest
from astropy.io import fits

from keras_astro.data.readers import open_source
from keras_astro.data.readers.fits import bands_last
from keras_astro.data.schemas import LENSING
from keras_astro.errors import DataError


def cutout(level, side=12):
    return np.full((side, side), level, "float32") + np.eye(side, dtype="float32")


def encoded(array, **header):
    buffer = io.BytesIO()
    fits.PrimaryHDU(np.asarray(array), fits.Header(header)).writeto(buffer)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    """Three cutouts below two class folders."""
    path = tmp_path / "cutouts"
    for name, level in (("no_sub/a", 1), ("no_sub/b", 2), ("sub/c", 3)):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / f"{name}.fits").write_bytes(encoded(cutout(level)))
    return path


def test_folder_gives_rows_with_classes(folder):
    rows = open_source(folder, LENSING).read()
    assert rows.meta["id"].tolist() == ["no_sub/a.fits", "no_sub/b.fits", "sub/c.fits"]
    assert rows.targets["is_anomaly"].tolist() == [0, 0, 1]
    np.testing.assert_array_equal(rows.inputs["image"][2, ..., 0], cutout(3))
    assert rows.inputs["image"].dtype == np.dtype("float32")
    assert rows.inputs["image"].dtype.isnative


def test_images_in_extensions_and_compressed_files_are_found(tmp_path):
    extension = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(cutout(1))])
    extension.writeto(tmp_path / "a.fits")
    packed = fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(cutout(2))])
    packed.writeto(tmp_path / "b.fits.fz")
    (tmp_path / "c.fits.gz").write_bytes(gzip.compress(encoded(cutout(3))))
    rows = open_source(tmp_path, LENSING).read()
    assert rows.inputs["image"][:, 0, 1, 0].round(3).tolist() == [1, 2, 3]


def test_scaled_integers_become_physical_values(tmp_path):
    hdu = fits.PrimaryHDU(np.arange(16, dtype="int16").reshape(4, 4))
    hdu.scale("int16", bscale=0.5, bzero=10)
    hdu.writeto(tmp_path / "a.fits")
    rows = open_source(tmp_path / "a.fits", LENSING).read()
    expected = np.arange(16).reshape(4, 4)
    np.testing.assert_allclose(rows.inputs["image"][0, ..., 0], expected, atol=0.5)


def test_one_image_and_a_cube(tmp_path):
    (tmp_path / "a.fits").write_bytes(encoded(cutout(4)))
    one = open_source(tmp_path / "a.fits", LENSING)
    assert one.read().inputs["image"].shape == (1, 12, 12, 1)
    cube = np.stack([cutout(n) for n in range(9)])
    (tmp_path / "cube.fits").write_bytes(encoded(cube))
    rows = open_source(tmp_path / "cube.fits", LENSING).read()
    assert rows.meta["id"][[0, 8]].tolist() == ["cube-0", "cube-8"]
    np.testing.assert_array_equal(rows.inputs["image"][..., 0], cube)
    (tmp_path / "bands.fits").write_bytes(encoded(np.stack([cube[:2]] * 3)))
    rows = open_source(tmp_path / "bands.fits", LENSING).read()
    assert rows.inputs["image"].shape == (3, 12, 12, 2)
    assert rows.inputs["image"][0, 0, 1].tolist() == [0, 1]


def test_bands_of_a_cutout_come_last(tmp_path):
    path = tmp_path / "x"
    path.mkdir()
    (path / "a.fits").write_bytes(encoded(np.stack([cutout(1), cutout(2)])))
    rows = open_source(path, LENSING).read()
    assert rows.inputs["image"][0, 0, 1].tolist() == [1, 2]


def bad_files():
    with_nan = cutout(5)
    with_nan[0, :3] = np.nan
    whole = encoded(cutout(5))
    table = io.BytesIO()
    fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])]).writeto(table)
    return {
        "nan": (encoded(with_nan), "2.08% NaN or infinite"),
        "truncated data": (whole[:2900], "truncated"),
        "truncated header": (whole[:1000], "truncated or foreign"),
        "text": (b"id,flux\n" * 500, "truncated or foreign"),
        "empty": (b"", "truncated or foreign"),
        "table": (table.getvalue(), "expected an image in the FITS file, found none"),
        "size": (encoded(cutout(1, side=5)), "found 5 x 5 pixels in 1 band"),
        "axes": (encoded(np.ones((2, 2, 2, 2))), "expected axes (y, x)"),
    }


@pytest.mark.parametrize("kind", bad_files())
def test_bad_file_is_named_or_set_aside(folder, refused, kind):
    content, words = bad_files()[kind]
    (folder / "sub" / "bad.fits").write_bytes(content)
    with refused(
        DataError, folder, "sub/bad.fits", "expected", words, hint="--on-bad quarantine"
    ) as caught:
        open_source(folder, LENSING).read()
    assert str(caught.value).count("bad.fits") == 1
    source = open_source(folder, LENSING, on_bad="quarantine")
    [(name, reason)] = source.quarantined
    assert name == "sub/bad.fits"
    assert words in reason
    assert source.read().inputs["image"][:, 0, 1, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", ["truncated data", "text", "table", "axes"])
def test_bad_single_file_is_refused(tmp_path, refused, kind):
    content, _ = bad_files()[kind]
    path = tmp_path / "bad.fits"
    path.write_bytes(encoded(np.ones(4)) if kind == "axes" else content)
    with refused(DataError, path, "expected", "found"):
        open_source(path, LENSING)


def test_a_cube_is_refused_in_a_folder_and_read_by_itself(folder, refused):
    cube = np.stack([cutout(level) for level in range(9)])
    (folder / "cube.fits").write_bytes(encoded(cube))
    with refused(DataError, "cube.fits", "expected axes"):
        open_source(folder, LENSING)
    with refused(DataError, "cube.fits", hint="a file of its own"):
        bands_last(cube, "cube.fits")
    assert len(open_source(folder / "cube.fits", LENSING)) == 9


def test_the_first_extension_with_data_is_the_image(tmp_path, refused):
    line, image = fits.ImageHDU(np.ones(5)), fits.ImageHDU(cutout(1))
    for name, hdus in (("line", [line, image]), ("image", [image, line])):
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / f"{name}.fits")
    with refused(DataError, "line.fits", "1 axes", hint="first extension that has"):
        open_source(tmp_path / "line.fits", LENSING)
    assert len(open_source(tmp_path / "image.fits", LENSING)) == 1


def test_cube_with_nan_is_refused(tmp_path, refused):
    cube = np.stack([cutout(1), cutout(np.nan)])
    (tmp_path / "a.fits").write_bytes(encoded(cube))
    with refused(DataError, tmp_path / "a.fits", "100.00% NaN", hint="Mask"):
        open_source(tmp_path / "a.fits", LENSING)


def test_no_truncation_passes_for_an_image(tmp_path):
    whole = encoded(cutout(7))
    packed = gzip.compress(whole)
    for suffix, content, end in ((".fits", whole, 3456), (".fits.gz", packed, None)):
        path = tmp_path / f"a{suffix}"
        for stop in range(1, end or len(content) - 8, 97 if end else 9):
            path.write_bytes(content[:stop])
            with pytest.raises(DataError, match="expected a FITS file"):
                open_source(path, LENSING)


def test_damaged_gzip_is_refused(tmp_path, refused):
    content = bytearray(gzip.compress(encoded(cutout(7))))
    content[30:60] = b"\xff" * 30
    (tmp_path / "a.fits.gz").write_bytes(content)
    with refused(DataError, tmp_path / "a.fits.gz", "a FITS file", hint="Copy it"):
        open_source(tmp_path / "a.fits.gz", LENSING)

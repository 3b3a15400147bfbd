"""Cutouts: the fast path is astropy's, and sources come to the middle."""

import gzip
import io
import warnings

import numpy as np
import pytest
from astropy.io import fits

from keras_astro.data.readers.avro import read_packets
from keras_astro.data.readers.cutouts import centred, read_cutout
from keras_astro.errors import DataError

NAMES = ("cutoutScience", "cutoutTemplate", "cutoutDifference")


def by_astropy(data):
    plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    with warnings.catch_warnings():
        # ZTF's headers are not quite what the standard asks for.
        warnings.simplefilter("ignore")
        with fits.open(io.BytesIO(plain)) as hdus:
            return hdus[0].data.astype("f4")


def test_fast_path_is_bit_identical_on_real_packets(real_alerts):
    compared = 0
    for file in sorted((real_alerts / "packets").glob("*.avro")):
        for record in read_packets(file.read_bytes()):
            for name in NAMES:
                field = record[name]
                data = field["stampData"] if isinstance(field, dict) else field
                found, _ = read_cutout(data)
                assert found.tobytes() == by_astropy(data).tobytes()
                compared += 1
    assert compared == 57


def test_unusual_images_fall_back_to_astropy():
    file = io.BytesIO()
    values = np.arange(12, dtype="i2").reshape(3, 4)
    hdu = fits.PrimaryHDU(values)
    hdu.header["BSCALE"], hdu.header["BZERO"] = 2.0, 5.0
    hdu.writeto(file)
    pixels, _ = read_cutout(gzip.compress(file.getvalue()))
    np.testing.assert_array_equal(pixels, by_astropy(file.getvalue()))


def test_several_gzip_members(packets):
    plain = packets.cutout(np.eye(3), packed=False)
    data = gzip.compress(plain[:2000]) + gzip.compress(plain[2000:])
    np.testing.assert_array_equal(read_cutout(data)[0], np.eye(3))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda d: d[:-20], "truncated"),
        (lambda d: d[:-8] + b"12345678", "gzip"),
        (lambda d: gzip.compress(b"no fits at all"), "header"),
        (lambda d: gzip.compress(gzip.decompress(d)[:3000]), "pixels"),
    ],
)
def test_damaged_cutouts(packets, damage, words, refused):
    data = packets.cutout(np.ones((20, 20)))
    with refused(DataError, words) as caught:
        read_cutout(damage(data))
    assert "packet again" in caught.value.hint or "FITS file" in caught.value.hint


def test_a_bomb_is_refused(refused):
    with refused(DataError, "more than", hint="Cut the stamp"):
        read_cutout(gzip.compress(bytes(40 << 20)))


def test_the_source_comes_to_the_middle():
    pixels = np.zeros((45, 63), "f4")
    pixels[13, 31] = 7.0
    found = centred(pixels, 63, source=(13, 31))
    assert found[31, 31] == 7.0
    assert np.isnan(found[:18]).all()
    assert np.isfinite(found[18:]).all()


def test_fill_values_become_nan():
    pixels = np.array([[1.0, 3.4028235e38], [np.nan, -np.inf]], "f4")
    np.testing.assert_array_equal(
        centred(pixels, 2, source=(0, 0)), [[1.0, np.nan], [np.nan, np.nan]]
    )


def test_a_source_far_outside_is_refused(refused):
    with refused(DataError, "inside of a cutout", hint="Count rows"):
        centred(np.ones((5, 5)), 5, source=(40, 2))

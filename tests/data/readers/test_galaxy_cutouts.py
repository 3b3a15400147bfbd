"""FITS cutouts of galaxies: what the header says, and what it fails to say."""

import re

import numpy as np
import pytest
from astropy.io import fits

from keras_astro.data.galaxy_schema import GALAXIES
from keras_astro.data.readers import open_source
from keras_astro.data.readers.galaxy_files import read_cutouts
from keras_astro.data.readers.moffat import moffat_fwhm, profile
from keras_astro.errors import DataError
from keras_astro.inference.galaxy_rows import MeasurableGalaxies
from keras_astro.simulate.galaxy_images import draw_images

SCALE = 0.23
WCS = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 150.0,
    "CRVAL2": 2.0,
    "CRPIX1": 8.5,
    "CRPIX2": 8.5,
    "CD1_1": -SCALE / 3600,
    "CD2_2": SCALE / 3600,
}
SAID = {"BUNIT": "electron", "SKYSIGMA": 250.0, "PSF_FWHM": 0.8}
PIXELS = np.arange(256, dtype="float32").reshape(16, 16)


def write(path, pixels=PIXELS, planes=None, **header):
    """A cutout; a keyword of None is left out."""
    cards = {k: v for k, v in (WCS | SAID | header).items() if v is not None}
    found = fits.Header()
    for key, value in cards.items():
        found[key] = value
    hdus = [fits.PrimaryHDU(pixels, found)]
    hdus += [fits.ImageHDU(plane, name=name) for name, plane in (planes or {}).items()]
    fits.HDUList(hdus).writeto(path)
    return path


def read(path):
    sample = open_source(path, GALAXIES).read()
    return sample.inputs | sample.meta


def test_a_cutout_says_all(tmp_path):
    found = read(write(tmp_path / "a.fits"))
    np.testing.assert_array_equal(found["image"][0, ..., 0], PIXELS)
    assert found["id"].tolist() == ["a.fits"]
    assert found["noise_sigma"].tolist() == [250.0]
    assert found["psf_fwhm_arcsec"] == pytest.approx([0.8])
    assert found["pixel_scale_arcsec"] == pytest.approx([SCALE], rel=1e-5)


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        ({"BUNIT": "adu", "GAIN": 2.5}, 2.5),
        ({"BUNIT": None, "GAIN": 2.5}, 2.5),
        ({"BUNIT": "counts/s", "GAIN": 2.5, "EXPTIME": 4.0}, 10.0),
        ({"BUNIT": "electron/s", "EXPTIME": 30.0}, 30.0),
        ({"BUNIT": "e-", "GAIN": 2.5}, 1.0),
    ],
)
def test_pixels_and_noise_become_electrons(tmp_path, header, factor):
    found = read(write(tmp_path / "a.fits", **header))
    np.testing.assert_allclose(found["image"][0, ..., 0], factor * PIXELS)
    assert found["noise_sigma"] == pytest.approx([250 * factor])


def test_noise_of_maps_and_of_the_sky_level(tmp_path):
    variance = np.full((16, 16), 9.0, "float32")
    variance[6:10, 6:10] = 1e6  # The galaxy's own photons.
    for number, planes in enumerate(
        ({"IVAR": 1 / variance}, {"VAR": variance}, {"ERR": np.sqrt(variance)})
    ):
        cards = {"BUNIT": "adu", "GAIN": 2.0, "SKYSIGMA": 5.0}
        path = write(tmp_path / f"{number}.fits", planes=planes, **cards)
        assert read(path)["noise_sigma"] == pytest.approx([6.0])
    cards = {"SKYSIGMA": None, "SKYLEVEL": 1600.0, "RDNOISE": 30.0}
    found = read(write(tmp_path / "sky.fits", **cards))
    assert found["noise_sigma"] == pytest.approx([50.0])


def test_gaps_are_nan(tmp_path):
    pixels, mask = PIXELS.copy(), np.zeros((16, 16), "int16")
    weight = np.ones((16, 16), "float32")
    pixels[0, 0], mask[0, 1], weight[0, 2] = np.nan, 4, 0.0
    path = write(tmp_path / "a.fits", pixels, {"MASK": mask, "IVAR": weight})
    gap = np.isnan(read(path)["image"][0, ..., 0])
    assert np.argwhere(gap).tolist() == [[0, 0], [0, 1], [0, 2]]


def test_width_and_shape_of_a_psf_image(tmp_path):
    point = np.array([[1.0, 0.5, 1e-3, 0.0, 0.0]])
    star = draw_images(point, np.array([0.8]), pixels=32)[0]
    found = read(write(tmp_path / "a.fits", planes={"PSF": star}, PSF_FWHM=2.0))
    assert found["psf_fwhm_arcsec"] == pytest.approx([0.8], rel=0.02)
    assert found["psf_misfit"][0] < 0.02
    y, x = np.mgrid[-12:13, -12:13]
    _, centre, rest = moffat_fwhm(np.exp(-((x - 1) ** 2 + y**2) / 8))
    assert centre == pytest.approx((12.0, 13.0), abs=0.01)
    assert rest > 0.05
    for wrong in (np.zeros((9, 9)), np.ones((3, 9)), np.full((9, 9), np.nan)):
        with pytest.raises(DataError, match="expected a"):
            moffat_fwhm(wrong)


@pytest.mark.parametrize(
    ("header", "words", "hint"),
    [
        ({"BUNIT": None}, "expected GAIN", "'GAIN', value"),
        ({"BUNIT": "adu"}, "expected GAIN", "'GAIN', value"),
        ({"BUNIT": "counts/s", "EXPTIME": 4.0}, "expected GAIN", "'GAIN', value"),
        ({"BUNIT": "nanomaggy"}, "found BUNIT = 'nanomaggy'", "Bring the pixels"),
        ({"BUNIT": "electron/s"}, "expected EXPTIME", "'EXPTIME', value"),
        ({"SKYSIGMA": None}, "expected the noise", "'SKYSIGMA', value"),
        ({"PSF_FWHM": None}, "expected the PSF", "'PSF_FWHM', value"),
        ({"CTYPE1": "", "CTYPE2": ""}, "a WCS or PIXSCALE", "'PIXSCALE', value"),
        ({"CD2_2": 2 * SCALE / 3600}, "expected square pixels", "Resample"),
    ],
)
def test_what_is_not_said_is_one_clear_error(tmp_path, refused, header, words, hint):
    with refused(DataError, "a.fits", words, hint=hint):
        open_source(write(tmp_path / "a.fits", **header), GALAXIES)


def test_keywords_are_set_as_the_hint_says(tmp_path):
    """Also of an image in an extension, whose own header is read."""
    path = write(tmp_path / "a.fits", PSF_FWHM=None)
    with fits.open(path) as hdus:
        image = fits.ImageHDU(hdus[0].data, hdus[0].header, name="SCI")
        image.writeto(tmp_path / "b.fits")
    path = tmp_path / "b.fits"
    with pytest.raises(DataError) as caught:
        open_source(path, GALAXIES)
    call = re.search(r"astropy.io.fits.setval\((.*?)\)", caught.value.hint)[1]
    name, key, value, ext = call.split(", ")
    assert (name, key, ext) == ("'FILE.fits'", "'PSF_FWHM'", "ext=0")
    fits.setval(path, key.strip("'"), value=float(value.partition("=")[2]), ext=1)
    assert read(path)["psf_fwhm_arcsec"] == pytest.approx([0.7])


def test_faults_hold_no_pixels(tmp_path):
    cube = np.stack([PIXELS, PIXELS])
    write(tmp_path / "each.fits", cube, PSF_FWHM=None)
    write(tmp_path / "whole.fits", cube, {"ERR": np.ones((3, 16, 16), "float32")})
    for name in ("each.fits", "whole.fits"):
        with (tmp_path / name).open("rb") as file:
            faults = read_cutouts(file, name)
        assert len(faults) == 2
        assert all(fault.hint and not fault.__traceback__ for fault in faults)


def test_files_at_fault_keep_their_rows(tmp_path, refused):
    write(tmp_path / "a.fits")
    write(tmp_path / "b.fits", PIXELS[:14, :14])
    (tmp_path / "c.fits").write_bytes(b"nothing of that kind")
    write(tmp_path / "d.fits", np.pad(PIXELS, 2))
    write(tmp_path / "e.fits", PSF_FWHM=None)
    write(tmp_path / "f.fits", np.zeros((2, 2, 16, 16), "float32"))
    source = open_source(tmp_path, GALAXIES, on_bad="quarantine")
    sample = source.read()
    assert sample.meta["id"].tolist() == [f"{name}.fits" for name in "abcdef"]
    faults = sample.meta["fault"].tolist()
    assert [bool(fault) for fault in faults] == [False, True, True, False, True, True]
    assert "expected 16 x 16 pixels, found 14 x 14" in faults[1]
    assert "expected an image (y, x) or a cube (row, y, x)" in faults[5]
    blank = np.isnan(sample.inputs["image"]).all(axis=(1, 2, 3))
    assert blank.tolist() == [False, True, True, False, True, True]
    # A larger cutout is cut around its middle.
    np.testing.assert_array_equal(sample.inputs["image"][3, ..., 0], PIXELS)
    with refused(
        DataError, "b.fits", "expected 16 x 16", hint="--on-bad quarantine"
    ) as c:
        open_source(tmp_path, GALAXIES)
    assert "Cut all galaxies to one size." in c.value.hint
    (tmp_path / "b.fits").unlink()
    with refused(DataError, "c.fits", hint="--on-bad quarantine") as caught:
        open_source(tmp_path, GALAXIES)
    assert "Copy it" in caught.value.hint


def test_the_star_is_brought_to_the_middle(tmp_path):
    """Of any stamp: on a pixel or between, smaller or larger than the galaxy's."""
    expected = profile((16, 16), 0.6 / SCALE, (7.5, 7.5))
    expected = expected / expected.sum()
    stars = {
        "odd": profile((31, 31), 0.6 / SCALE, (15.0, 15.0)),
        "off": 40 * profile((25, 28), 0.6 / SCALE, (12.4, 12.7)),
        "said": None,
    }
    for name, star in stars.items():
        planes = {} if star is None else {"PSF": star.astype("float32")}
        found = read(write(tmp_path / f"{name}.fits", planes=planes, PSF_FWHM=0.6))
        image = found["psf_image"][0, ..., 0]
        assert image.sum() == pytest.approx(1.0, abs=1e-5)
        assert np.abs(image - expected).max() < 2e-3 * expected.max(), name


def test_what_is_no_moffat_profile_is_kept(tmp_path):
    y, x = np.mgrid[-12:13, -12:13]
    star = np.exp(-(x**2 / 12 + y**2 / 8)).astype("float32")
    image = read(write(tmp_path / "a.fits", planes={"PSF": star}))["psf_image"][0]
    y, x = np.mgrid[:16, :16] - 7.5
    expected = np.exp(-(x**2 / 12 + y**2 / 8))
    expected /= expected.sum()
    assert np.abs(image[..., 0] - expected).max() < 0.03 * expected.max()
    round_one = profile((16, 16), 0.8 / SCALE, (7.5, 7.5))
    assert np.ptp(image.sum(axis=(0, 2)) - image.sum(axis=(1, 2))) > 0.01
    assert np.ptp(round_one.sum(axis=0) - round_one.sum(axis=1)) < 1e-9


def test_a_fault_of_a_whole_cube_is_one_of_each_galaxy(tmp_path):
    cube = np.stack([PIXELS, PIXELS + 1, PIXELS + 2])
    errors = np.full((2, 16, 16), 4.0, "float32")
    write(tmp_path / "a.fits")
    write(tmp_path / "night.fits", cube, {"ERR": errors})
    sample = open_source(tmp_path, GALAXIES, on_bad="quarantine").read()
    names = ["a.fits", "night-0", "night-1", "night-2"]
    assert sample.meta["id"].tolist() == names
    faults = sample.meta["fault"].tolist()
    assert not faults[0]
    assert all("expected ERR (y, x), or of 3 rows" in fault for fault in faults[1:])


def test_a_cube_is_a_row_for_each_galaxy(tmp_path):
    cube = np.stack([PIXELS, PIXELS + 1, PIXELS + 2])
    star = np.stack([profile((15, 15), w, (7.0, 7.0)) for w in (3.0, 4.0, 5.0)])
    star[1] = 0.0
    errors = np.full((16, 16), 4.0, "float32")
    planes = {"PSF": star.astype("float32"), "ERR": errors}
    source = open_source(
        write(tmp_path / "night.fits.gz", cube, planes), GALAXIES, on_bad="quarantine"
    )
    sample = source.read()
    assert sample.meta["id"].tolist() == ["night-0", "night-1", "night-2"]
    np.testing.assert_array_equal(sample.inputs["image"][[0, 2], ..., 0], cube[[0, 2]])
    assert sample.inputs["noise_sigma"][[0, 2]].tolist() == [4.0, 4.0]
    assert sample.inputs["psf_fwhm_arcsec"][[0, 2]] == pytest.approx(
        [3 * SCALE, 5 * SCALE], rel=1e-3
    )
    # One without a star fails alone.
    faults = sample.meta["fault"].tolist()
    assert (faults[0], faults[2]) == ("", "")
    assert "expected a star in the PSF image" in faults[1]
    np.testing.assert_array_equal(
        source.take([2, 0]).inputs["image"], sample.inputs["image"][[2, 0]]
    )


def extensions(path, images, planes):
    """A file with an extension for each image, of several names, and planes."""
    header = fits.Header(list((WCS | SAID).items()))
    hdus = [fits.PrimaryHDU()]
    hdus += [fits.ImageHDU(image, header, name=name) for name, image in images]
    hdus += [fits.ImageHDU(plane, name=name) for name, plane in planes]
    fits.HDUList(hdus).writeto(path)
    return path


def test_an_extension_for_each_galaxy(tmp_path):
    images = [("GALAXY_1", PIXELS), ("GALAXY_2", 2 * PIXELS), ("MODEL", 0 * PIXELS)]
    errors = [np.full((16, 16), value, "float32") for value in (3.0, 5.0)]
    star = profile((15, 15), 4.0, (7.0, 7.0)).astype("float32")
    planes = [("ERR_1", errors[0]), ("ERR_2", errors[1]), ("PSF", star)]
    found = read(extensions(tmp_path / "a.fits", images, planes))
    assert found["id"].tolist() == ["a-0", "a-1"]
    np.testing.assert_array_equal(found["image"][1, ..., 0], 2 * PIXELS)
    assert found["noise_sigma"].tolist() == [3.0, 5.0]
    assert found["psf_fwhm_arcsec"] == pytest.approx([4 * SCALE] * 2, rel=1e-3)


def test_extensions_that_belong_to_no_galaxy_are_an_error(tmp_path, refused):
    images = [("SCI", PIXELS)] * 3
    mask = ("MASK", np.zeros((16, 16), "int16"))
    path = extensions(tmp_path / "a.fits", images, [mask] * 2)
    with refused(DataError, "expected one extension MASK", "each of 3 images, found 2"):
        open_source(path, GALAXIES)
    path = write(
        tmp_path / "b.fits", np.stack([PIXELS] * 3), {"MASK": np.stack([mask[1]] * 2)}
    )
    with refused(DataError, "expected MASK (y, x), or of 3 rows", "(2, 16, 16)"):
        open_source(path, GALAXIES)


def test_models_of_psf_images_get_them_in_their_size(tmp_path):
    source = open_source(write(tmp_path / "a.fits"), GALAXIES)
    found = MeasurableGalaxies(source, (12, 12), stars=True).read()
    assert found.inputs["psf_image"].shape == (1, 12, 12, 1)
    assert found.meta["fault"].tolist() == [""]
    sample = source.read()
    sample.inputs["psf_image"][:] = 0.0
    source.read = lambda *_: sample
    for stars, fault in ((True, "expected a star in psf_image"), (False, "")):
        found = MeasurableGalaxies(source, (12, 12), stars=stars).read()
        assert fault in found.meta["fault"][0]
        assert bool(fault) == bool(found.meta["fault"][0])

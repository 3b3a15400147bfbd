"""From cutouts to a catalogue: a row for each, whatever is wrong with it."""

import json
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.units import UnitsWarning
from click.testing import CliRunner

from keras_astro.cli.main import cli
from keras_astro.data.galaxy_schema import GALAXIES
from keras_astro.data.readers.moffat import moffat_fwhm
from keras_astro.data.sample import MemorySource, Sample
from keras_astro.errors import DataError
from keras_astro.inference.batch import score_source
from keras_astro.inference.galaxy_rows import MeasurableGalaxies, fill_gaps
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.presets import resolve_preset
from keras_astro.simulate.galaxies import add_noise
from keras_astro.simulate.galaxy_images import draw_images

TRUTH = np.array([2e5, 1.5, 0.3, 0.2, -0.1])
SIGMA, FWHM, SCALE = 220.0, 0.7, 0.23


@pytest.fixture(scope="module")
def predictor():
    return open_predictor(resolve_preset("preset:galaxies"))


@pytest.fixture
def images():
    """Six galaxies alike, `(row, y, x, 1)`."""
    clean = draw_images(TRUTH[None], np.array([FWHM]))[0]
    rng = np.random.default_rng(4)
    noisy = [add_noise(clean, SIGMA, rng) for _ in range(6)]
    return np.array(noisy, "float32")[..., None]


def source(images, **meta):
    rows = len(images)
    inputs = {
        "image": images,
        "psf_fwhm_arcsec": np.full(rows, FWHM, "float32"),
        "noise_sigma": np.full(rows, SIGMA, "float32"),
    }
    return MemorySource(Sample(GALAXIES, inputs, {}, meta))


def test_gaps_are_filled_and_hopeless_rows_fail_alone(predictor, images):
    whole = score_source(predictor, MeasurableGalaxies(source(images), (64, 64)))
    broken = images.copy()
    broken[1, 30:32, 30] = np.nan  # A few, each with a half turn.
    broken[2] = np.nan
    broken[3, 30, 30] = broken[3, 33, 33] = np.inf  # Half turns of each other.
    broken[4, :10] = np.nan
    rows = source(broken)
    rows.sample.inputs["noise_sigma"][5] = np.nan
    found = score_source(predictor, MeasurableGalaxies(rows, (64, 64)))
    assert found.flags.tolist() == ["", "masked", *["failed"] * 4]
    reasons = found.reasons.tolist()
    assert reasons[:2] == ["", ""]
    assert reasons[2] == reasons[4].replace("84%", "0%")
    assert reasons[3] == "found 2 pixels without data, nor in their half turns"
    assert reasons[5] == "expected noise_sigma above 0, found nan"
    for name, values in found.outputs.items():
        assert np.isnan(values[2:]).all(), name
        np.testing.assert_allclose(values[0], whole.outputs[name][0], rtol=1e-4)
    # The gap costs little.
    moved = np.abs(found.outputs["flux"][1] - whole.outputs["flux"][1])
    assert moved < 0.5 * whole.outputs["flux_sd"][1]


def test_pixels_of_another_size_fail_and_larger_cutouts_are_cut(predictor, images):
    padded = np.pad(images[:2], ((0, 0), (3, 3), (5, 5), (0, 0)))
    meta = {"pixel_scale_arcsec": np.array([0.23, 0.2])}
    found = score_source(
        predictor, MeasurableGalaxies(source(padded, **meta), (64, 64))
    )
    alone = predictor.run("predict", source(images[:1]).sample.inputs)
    np.testing.assert_allclose(found.outputs["g1"][0], alone["g1"][0], rtol=1e-5)
    expected = "expected pixels of 0.23 arcsec, found 0.2"
    assert found.reasons.tolist() == ["", expected]


@pytest.mark.parametrize("side", [62, 65])
def test_cutouts_that_cannot_be_cut_are_refused(images, refused, side):
    few = np.zeros((1, side, side, 1), "float32")
    with refused(DataError, "images of 64 x 64", f"found {side} x {side}"):
        MeasurableGalaxies(source(few), (64, 64)).read()


def test_nothing_is_filled_where_nothing_is_missing(images):
    filled, fraction, left = fill_gaps(images)
    assert filled is images
    assert not fraction.any()
    assert not left.any()


def test_a_width_stands_in_for_the_image_of_a_psf(images):
    rows = source(images)
    rows.sample.inputs["psf_fwhm_arcsec"][1:3] = 0.0, np.nan
    found = MeasurableGalaxies(rows, (60, 60), stars=True).read()
    stars = found.inputs["psf_image"]
    assert stars.shape == (6, 60, 60, 1)
    width, centre, misfit = moffat_fwhm(stars[0, ..., 0])
    assert SCALE * width == pytest.approx(FWHM, rel=1e-3)
    assert centre == (29.5, 29.5)
    assert misfit < 1e-3
    faults = [fault[:37] for fault in found.meta["fault"].tolist()]
    assert faults == [
        "",
        *["expected psf_fwhm_arcsec above 0, foun"[:37]] * 2,
        *[""] * 3,
    ]


@pytest.fixture
def night(images, tmp_path):
    """Four files: two good ones, one without a PSF, one of another pixel size."""
    folder = tmp_path / "night"
    folder.mkdir()
    for number, image in enumerate(images[:4, ..., 0]):
        header = fits.Header()
        header["BUNIT"], header["GAIN"] = "adu", 2.0
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
        side = 0.4 if number == 3 else SCALE
        header["CDELT1"], header["CDELT2"] = -side / 3600, side / 3600
        if number != 2:
            header["SEEING"] = FWHM
        weight = np.full((64, 64), 4 / SIGMA**2, "float32")
        hdus = [fits.PrimaryHDU(image / 2, header), fits.ImageHDU(weight, name="IVAR")]
        fits.HDUList(hdus).writeto(folder / f"{number}.fits")
    return folder


def predict(*words):
    return CliRunner().invoke(cli, ["predict", "preset:galaxies", *map(str, words)])


@pytest.mark.parametrize("suffix", [".fits", ".ecsv"])
def test_the_catalogue_has_a_row_for_each_object(night, tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    answer = predict(night, "-o", path, "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert (told["rows"], told["failed"], told["quarantined"]) == (4, 2, [])
    with warnings.catch_warnings():
        # The FITS standard has no electron.
        warnings.simplefilter("ignore", UnitsWarning)
        table = Table.read(path)
    assert [str(name) for name in table["id"]] == [f"{i}.fits" for i in range(4)]
    assert [str(q) for q in table["quality"]][2:] == ["failed", "failed"]
    assert "expected the PSF" in str(table["reason"][2])
    assert "expected pixels of 0.23 arcsec" in str(table["reason"][3])
    for i, name in enumerate(("flux", "sersic_n", "half_light_radius_arcsec")):
        values = np.ma.filled(table[name], np.nan)
        assert np.isnan(values[2:]).all()
        error = np.ma.filled(table[f"{name}_sd"], np.nan)[:2]
        assert np.all(np.abs(values[:2] - TRUTH[i]) < 4 * error)
    assert str(table["flux"].unit) == "electron"
    assert table["chi2_per_pixel"][:2].tolist() == pytest.approx([1, 1], abs=0.12)
    assert table.meta["PRIOR2"] == "0.5 <= sersic_n <= 6"


def test_a_catalogue_without_any_result_is_an_error_that_leaves_it(night, tmp_path):
    for name in "01":
        (night / f"{name}.fits").unlink()
    path = tmp_path / "out.ecsv"
    answer = predict(night, "-o", path)
    assert isinstance(answer.exception, DataError)
    assert "none of 2 rows could be measured" in str(answer.exception)
    assert len(Table.read(path)) == 2

"""FITS images of one axis: linear, logarithmic, in any unit of length."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from keras_astro.data.readers import open_source
from keras_astro.data.readers.wcs_spectra import axis_wavelength
from keras_astro.data.star_schema import STELLAR
from keras_astro.errors import DataError


def written(path, **cards):
    hdu = fits.PrimaryHDU(np.linspace(0.5, 1.0, 30))
    hdu.header.update({"CRVAL1": 8800.0, "CDELT1": 0.5} | cards)
    hdu.writeto(path)
    return path


def test_a_linear_axis_is_read(tmp_path):
    sample = open_source(written(tmp_path / "GJ699.fits"), STELLAR).read()
    grid = sample.axes["wavelength_angstrom"]
    np.testing.assert_allclose(grid, 8800 + 0.5 * np.arange(30))
    np.testing.assert_allclose(sample.inputs["flux"][0], np.linspace(0.5, 1, 30))
    assert sample.meta["id"].tolist() == ["GJ699"]


@pytest.mark.parametrize(
    "cards",
    [
        {"CUNIT1": "nm", "CRVAL1": 880.0, "CDELT1": 0.05, "CTYPE1": "WAVE"},
        {"CUNIT1": "Angstrom", "CRPIX1": 7.0, "CTYPE1": "AWAV"},
        {"CUNIT1": "m", "CRVAL1": 8.8e-7, "CDELT1": 5e-11, "CTYPE1": "WAVE-LOG"},
    ],
)
def test_axes_agree_with_those_of_astropy(cards):
    header = {"NAXIS": 1, "CRVAL1": 8800.0, "CDELT1": 0.5, "CRPIX1": 1.0} | cards
    expected = WCS(fits.Header(header)).pixel_to_world_values(np.arange(30)) * 1e10
    np.testing.assert_allclose(axis_wavelength(header, 30, "a"), expected, rtol=1e-10)


def test_logarithmic_steps_of_iraf():
    header = {"CRVAL1": 3.9, "CDELT1": 1e-4, "DC-FLAG": 1}
    found = axis_wavelength(header, 3, "a.fits")
    np.testing.assert_allclose(np.log10(found), [3.9, 3.9001, 3.9002])


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"CTYPE1": "VELO"}, "axis of wavelengths.*VELO"),
        ({"CUNIT1": "Hz"}, "to be a length, found 'Hz'"),
    ],
)
def test_other_axes_are_refused(tmp_path, cards, message):
    with pytest.raises(DataError, match=message) as caught:
        open_source(written(tmp_path / "a.fits", **cards), STELLAR)
    assert "ngstrom" in caught.value.hint

"""Images without TensorFlow and SciPy, against GalSim and against closed forms."""

import subprocess
import sys

import numpy as np
import pytest

from keras_astro.simulate import galaxy_images, galaxy_profiles
from keras_astro.simulate.galaxies import draw_image
from keras_astro.simulate.galaxy_images import draw_images

GALAXIES = [
    ([1e5, 0.5, 0.1, 0.0, 0.0], 0.5),
    ([1e5, 1.0, 0.6, 0.4, -0.5], 0.5),
    ([1e5, 4.0, 0.3, -0.3, 0.1], 1.0),
    ([1e5, 6.0, 0.6, 0.1, 0.0], 0.7),
]


@pytest.mark.parametrize(("galaxy", "fwhm"), GALAXIES)
def test_differences_from_galsim_are_below_any_noise(galaxy, fwhm):
    expected = draw_image(galaxy, fwhm)
    found = draw_images(np.array([galaxy]), np.array([fwhm]))[0]
    difference = found - expected
    assert np.abs(difference).max() < 1e-3 * expected.max()
    # At a signal to noise of 100, in sigma and over all pixels.
    assert 100 * np.linalg.norm(difference) < 0.4 * np.linalg.norm(expected)


def test_the_file_holds_the_transforms():
    sersic, moffat = galaxy_images._tables()
    wavenumber = np.exp(np.linspace(*galaxy_images.LOG_WAVENUMBER, len(sersic[0])))
    indices = np.exp(np.linspace(*galaxy_images.LOG_INDEX, len(sersic)))
    for row in (0, 13, -1):
        exact = galaxy_profiles.sersic_transform(indices[row], wavenumber)
        assert np.abs(sersic[row] - exact).max() < 5e-5
    x = np.linspace(0, galaxy_images.MOFFAT_END, len(moffat))
    assert np.abs(moffat - galaxy_profiles.moffat_transform(x)).max() < 1e-6


def test_any_number_of_rows_and_only_sides_that_can_be_halved_twice():
    rows = np.array([g for g, _ in GALAXIES] * 5)
    fwhm = np.array([f for _, f in GALAXIES] * 5)
    many = draw_images(rows, fwhm, pixels=32)
    np.testing.assert_allclose(
        many[17], draw_images(rows[17:18], fwhm[17:18], pixels=32)[0], rtol=1e-4
    )
    with pytest.raises(ValueError, match="multiple of 4, received 30"):
        draw_images(rows, fwhm, pixels=30)


def test_neither_scipy_nor_tensorflow_is_loaded():
    code = (
        "import sys, numpy; from keras_astro.inference import galaxy_quality; "
        "from keras_astro.simulate.galaxy_images import draw_images; "
        "draw_images(numpy.array([[1e5, 1, .3, 0, 0]]), numpy.ones(1)); "
        "print(sorted({'scipy', 'tensorflow', 'keras', 'galsim'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"

"""Archives with a vector a star are read as rows with the stars' names."""

import numpy as np
import pytest

from keras_astro.data.readers import open_source
from keras_astro.data.star_schema import STELLAR
from keras_astro.errors import DataError

WAVE = np.linspace(8800, 8835, 40)


def test_vectors_become_rows(tmp_path):
    path = tmp_path / "stars.npz"
    np.savez(path, wave=WAVE, GJ_699=np.full(40, 0.9), VB_10=np.full(40, 0.5))
    sample = open_source(path, STELLAR).read()
    assert sample.meta["id"].tolist() == ["GJ_699", "VB_10"]
    np.testing.assert_allclose(sample.inputs["flux"][:, 0], [0.9, 0.5])
    np.testing.assert_allclose(sample.axes["wavelength_angstrom"], WAVE)


def test_a_flux_is_taken_before_other_vectors(tmp_path):
    path = tmp_path / "stars.npz"
    np.savez(path, wave=WAVE, flux=np.ones((2, 40)), response=np.zeros(40))
    assert len(open_source(path, STELLAR)) == 2


def test_an_archive_without_spectra_is_refused(tmp_path):
    path = tmp_path / "stars.npz"
    np.savez(path, wave=WAVE, masses=np.ones(3))
    with pytest.raises(DataError, match="expected an array flux or spectra"):
        open_source(path, STELLAR)

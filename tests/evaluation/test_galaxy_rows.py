"""Which galaxies a report measures, and which one it shows."""

from types import SimpleNamespace

import numpy as np

from keras_astro.data.galaxy_schema import GALAXIES
from keras_astro.data.sample import MemorySource, Sample
from keras_astro.errors import DataError
from keras_astro.evaluation.galaxies import typical_row
from keras_astro.evaluation.galaxy_rows import measure_rows

MIDDLE = [2e5, 3.0, 0.3, 0.1, 0.1]
STEEP = [2e5, 5.9, 0.3, 0.1, 0.1]


def test_a_galaxy_at_a_limit_is_not_typical():
    rows = SimpleNamespace(
        snr=np.array([60.0, 50.0, 80.0]), truth=np.array([STEEP, MIDDLE, MIDDLE])
    )
    assert typical_row(rows) == 1
    rows.truth = np.array([STEEP, STEEP, STEEP])
    assert typical_row(rows) == 0


def test_rows_that_cannot_be_measured_are_named_and_refused(refused):
    inputs = {
        "image": np.ones((3, 64, 64, 1), "float32"),
        "psf_fwhm_arcsec": np.array([0.7, 0.0, 0.7], "float32"),
        "noise_sigma": np.full(3, 200.0, "float32"),
    }
    test = MemorySource(Sample(GALAXIES, inputs, name="night.npz"))
    specs = {"image": {"shape": [None, 64, 64, 1]}}
    manifest = {"task": "galaxies", "signatures": {"predict": {"inputs": specs}}}
    subject = SimpleNamespace(test=test, predictor=SimpleNamespace(manifest=manifest))
    with refused(DataError, "night.npz: 1 of 3 rows", "the first is 1: ", "found 0"):
        measure_rows(subject)

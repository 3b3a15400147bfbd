"""Which galaxy a report shows."""

from types import SimpleNamespace

import numpy as np

from keras_astro.evaluation.galaxies import typical_row

MIDDLE = [2e5, 3.0, 0.3, 0.1, 0.1]
STEEP = [2e5, 5.9, 0.3, 0.1, 0.1]


def test_a_galaxy_at_a_limit_is_not_typical():
    rows = SimpleNamespace(
        snr=np.array([60.0, 50.0, 80.0]), truth=np.array([STEEP, MIDDLE, MIDDLE])
    )
    assert typical_row(rows) == 1
    rows.truth = np.array([STEEP, STEEP, STEEP])
    assert typical_row(rows) == 0

import keras
import numpy as np

from keras_astro.layers.unit_rows import UnitRows


def test_rows_are_those_of_layer_normalisation():
    table = np.random.default_rng(0).normal(2.0, 3.0, (20, 64)).astype("float32")
    plain = keras.layers.LayerNormalization(center=False, scale=False)
    np.testing.assert_allclose(UnitRows()(table), plain(table), rtol=1e-5, atol=1e-5)


def test_a_constant_row_becomes_zero():
    assert not np.any(UnitRows()(np.full((2, 5), 7.0, "float32")))

import numpy as np
import pytest

from keras_astro.layers.pca import PrincipalComponents, fit_components

SHAPE = (4, 6, 1)


def mirror_closed(n=40):
    rows = np.random.default_rng(0).normal(size=(n, *SHAPE)).astype("float32")
    rows = np.concatenate([rows, rows[:, ::-1]])
    return np.concatenate([rows, rows[:, :, ::-1]])


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_reflection_is_that_of_the_mirrored_frame(axes):
    rows = mirror_closed()
    layer = PrincipalComponents(7, SHAPE)
    layer.set_basis(*fit_components([rows], 7))
    matrix = layer.reflection(axes)
    mirrored = np.flip(rows, [a + 1 for a in axes])
    expected = np.asarray(layer(mirrored))
    np.testing.assert_allclose(np.asarray(layer(rows)) @ matrix, expected, atol=1e-4)
    np.testing.assert_allclose(matrix @ matrix, np.eye(7), atol=1e-4)

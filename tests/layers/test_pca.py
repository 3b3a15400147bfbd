import numpy as np
import pytest

from keras_astro.errors import DataError
from keras_astro.layers.pca import PrincipalComponents, fit_components

SHAPE = (4, 6, 1)


def mirror_closed(n=40):
    rows = np.random.default_rng(0).normal(size=(n, *SHAPE)).astype("float32")
    rows = np.concatenate([rows, rows[:, ::-1]])
    return np.concatenate([rows, rows[:, :, ::-1]])


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_parity_is_the_sign_of_the_mirrored_frames_coefficients(axes):
    rows = mirror_closed()
    layer = PrincipalComponents(7, SHAPE)
    layer.set_basis(*fit_components([rows], 7))
    signs = layer.parity(axes)
    assert set(np.abs(signs)) == {1.0}
    mirrored = np.flip(rows, [a + 1 for a in axes])
    expected = np.asarray(layer(mirrored))
    np.testing.assert_allclose(np.asarray(layer(rows)) * signs, expected, atol=1e-4)


def test_components_of_rows_without_their_mirror_images_have_no_parity(refused):
    layer = PrincipalComponents(7, SHAPE)
    layer.set_basis(*fit_components([mirror_closed()[:40]], 7))
    with refused(DataError, "component 0", "neither even nor odd", hint="reflections"):
        layer.parity((0,))


def test_long_rows_are_projected_as_short_ones_are():
    rows = np.random.default_rng(0).normal(size=(30, 1100)).astype("float32")
    layer = PrincipalComponents(5, (1100,))
    mean, basis, scale = fit_components([rows], 5)
    layer.set_basis(mean, basis, scale)
    found = np.asarray(layer(rows))
    np.testing.assert_allclose(found, (rows - mean) @ basis.T / scale, atol=1e-4)
    drawn = np.asarray(layer(found, inverse=True))
    np.testing.assert_allclose(drawn, found @ basis * scale + mean, atol=1e-4)

import numpy as np
import pytest
from sklearn.decomposition import PCA

from keras_astro.errors import DataError
from keras_astro.metrics import active_units, latent_pca, latent_sd


@pytest.fixture
def latents():
    scale = np.array([3.0, 1.0, 0.5, 0.02])
    return np.random.default_rng(0).normal(size=(200, 4)) * scale + 5.0


def test_pca_is_scikit_learns_up_to_the_sign(latents):
    view = latent_pca(latents, components=3)
    theirs = PCA(3).fit(latents)
    sign = np.sign((view.axes * theirs.components_).sum(axis=1))
    np.testing.assert_allclose(view.axes, sign[:, None] * theirs.components_, atol=1e-8)
    np.testing.assert_allclose(
        view.coordinates, theirs.transform(latents) * sign, atol=1e-8
    )
    np.testing.assert_allclose(view.explained, theirs.explained_variance_ratio_)


def test_the_largest_entry_of_each_axis_is_positive(latents):
    axes = latent_pca(-latents).axes
    assert np.all(axes[np.arange(2), np.abs(axes).argmax(axis=1)] > 0)


def test_one_latent_still_gives_two_coordinates():
    view = latent_pca([[0.0], [1.0], [2.0]])
    assert view.coordinates.shape == (3, 2)
    assert view.explained.tolist() == [1.0, 0.0]
    assert np.all(view.coordinates[:, 1] == 0)


def test_active_units_count_variances_above_the_threshold(latents):
    np.testing.assert_allclose(latent_sd(latents), np.std(latents, axis=0))
    assert active_units(latents) == 3
    assert active_units(latents, threshold=4.0) == 1


def test_a_collapsed_space_is_no_error():
    view = latent_pca(np.ones((5, 3)))
    assert view.explained.tolist() == [0.0, 0.0]
    assert active_units(np.ones((5, 3))) == 0


@pytest.mark.parametrize("latents", [[1.0, 2.0], [[1.0, 2.0]], [[1.0], [np.nan]]])
def test_latents_must_be_a_finite_table(latents):
    with pytest.raises(DataError, match="row, latent"):
        latent_sd(latents)

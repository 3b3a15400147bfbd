"""The rebuilt recipe: the published widths, and that it learns."""

import numpy as np

from keras_astro.models import carmenes_2024
from keras_astro.models.carmenes_2024 import PublishedRecipe


def test_published_widths_and_parameters():
    model, encoder = carmenes_2024.published_autoencoder(3501, 1024)
    assert [layer.units for layer in encoder.layers[1:]] == [
        1024,
        768,
        512,
        256,
        128,
        32,
    ]
    # As counted from the published code.
    assert model.count_params() == 9_874_125


def test_it_learns_a_label_that_is_plain_to_see():
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.2, 1, 256)
    spectra = 1 - depth[:, None] * np.exp(-(np.linspace(-3, 3, 60) ** 2))
    labels = 100 * depth[:, None]
    recipe = PublishedRecipe(width=16, epochs=15, regressor_epochs=10)
    found = recipe.fit(spectra, labels).predict(spectra)
    assert found.shape == labels.shape
    assert np.corrcoef(found[:, 0], labels[:, 0])[0, 1] > 0.9

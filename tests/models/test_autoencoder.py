import keras
import numpy as np

from keras_astro.models import autoencoder


def parts(width=6, latent=2):
    keras.utils.set_random_seed(5)
    encoder = autoencoder.dense_encoder(width, latent, hidden=(8,))
    return encoder, autoencoder.dense_decoder(latent, width, hidden=(8,))


def sign_flip(signs):
    layer = keras.layers.Dense(len(signs), use_bias=False)
    layer.build((None, len(signs)))
    layer.set_weights([np.diag(signs).astype("float32")])
    return layer


def rows(n=5, width=6):
    return np.random.default_rng(2).normal(size=(n, width)).astype("float32")


def test_without_reflections_it_is_decoder_after_encoder():
    encoder, decoder = parts()
    x = rows()
    z, found = autoencoder.reconstruct(encoder, decoder, x)
    np.testing.assert_array_equal(z, encoder(x))
    np.testing.assert_array_equal(found, decoder(encoder(x)))


def test_the_mean_over_mirror_images_mirrors_with_its_input():
    encoder, decoder = parts()
    signs = np.array([1, -1, 1, -1, 1, -1], "float32")
    x = rows()
    z, found = autoencoder.reconstruct(encoder, decoder, x, [sign_flip(signs)])
    _, of_mirrored = autoencoder.reconstruct(
        encoder, decoder, x * signs, [sign_flip(signs)]
    )
    np.testing.assert_array_equal(z, encoder(x))
    np.testing.assert_allclose(of_mirrored, np.asarray(found) * signs, atol=1e-6)
    views = decoder(encoder(x)), decoder(encoder(x * signs)) * signs
    np.testing.assert_allclose(found, np.mean(views, axis=0), atol=1e-6)
    assert not np.allclose(found, views[0], atol=1e-3)

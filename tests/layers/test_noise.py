import keras
import numpy as np

from keras_astro.layers.noise import FeatureNoise
from keras_astro.models.autoencoder import parameter_head, with_noise


def test_noise_has_its_sd_in_training_and_none_at_inference():
    layer = FeatureNoise(6, 0.3, seed=1)
    zeros = np.zeros((5000, 6), "float32")
    noisy = np.asarray(layer(zeros, training=True))
    np.testing.assert_allclose(noisy.std(axis=0), 0.3, rtol=0.05)
    np.testing.assert_array_equal(np.asarray(layer(zeros)), zeros)


def test_each_step_reads_other_noise():
    layer = FeatureNoise(3, 1.0)
    zeros = np.zeros((4, 3), "float32")
    first, second = (np.asarray(layer(zeros, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 0.01


def test_the_head_inside_a_noisy_model_is_free_of_noise(tmp_path):
    model = with_noise(parameter_head(5, 2, hidden=(8,)), 0.5, seed=0)
    head = model.get_layer("parameter_head")
    assert not any(isinstance(layer, FeatureNoise) for layer in head.layers)
    model.save(tmp_path / "noisy.keras")
    again = keras.saving.load_model(tmp_path / "noisy.keras")
    rows = np.ones((2, 5), "float32")
    # Compiled and eager float32 round apart; noise would move the outputs by tenths.
    np.testing.assert_allclose(again.predict(rows, verbose=0), head(rows), rtol=1e-4)

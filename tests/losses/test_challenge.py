"""The challenge's loss against its formula; the weighted error of spectra."""

import keras
import numpy as np
import pytest
from sklearn.metrics import mean_squared_error

from keras_astro.losses.challenge import challenge_loss, latent_penalty
from keras_astro.losses.spectrum import SpectrumError


@pytest.mark.parametrize(
    ("latents", "penalty"), [(1, 3e-5), (4, 1.2e-4), (6, 1.8e-4), (7, 3.6e-4)]
)
def test_loss_is_the_error_plus_the_price_of_latents(latents, penalty):
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 5, 30))
    expected = mean_squared_error(one, other) + penalty
    assert challenge_loss(one, other, latents) == pytest.approx(expected, rel=1e-12)
    assert latent_penalty(latents) == pytest.approx(penalty)


def test_float32_spectra_are_summed_exactly_enough():
    one = np.full((3, 40_000), 0.1, "float32")
    other = one + np.float32(1e-3)
    assert challenge_loss(one, other, 0) == pytest.approx(1e-6, rel=1e-3)


def test_weights_of_zero_take_pixels_out_of_the_error():
    loss = SpectrumError(scale=2.0, weighted=True)
    flux = np.array([[1.0, 5.0, 0.0, 0.0]])
    weight = np.array([[1.0, 0.0, 3.0, 1.0]])
    found = loss(np.concatenate([flux, weight], axis=1), np.full((1, 4), 0.5))
    assert float(found) == pytest.approx((0.25 + 0.75 + 0.25) / 4 / 2)


def test_error_without_weights_is_the_mean_square_and_survives_its_config():
    loss = SpectrumError(scale=0.5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    one, other = np.random.default_rng(0).random((2, 3, 8)).astype("float32")
    assert float(again(one, other)) == pytest.approx(np.mean((one - other) ** 2) * 2)

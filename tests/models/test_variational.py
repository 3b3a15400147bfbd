import keras
import numpy as np
import pytest
from keras import layers

from keras_astro.errors import ConfigError
from keras_astro.layers.contractive import ContractiveEncoder
from keras_astro.layers.sampling import VariationalCode
from keras_astro.models.autoencoder import (
    chain,
    conv_decoder,
    conv_encoder,
    dense_decoder,
    dense_encoder,
)
from keras_astro.models.variational import (
    posterior_mean_encoder,
    variational_autoencoder,
    variational_encoder,
)


def pieces(kind):
    keras.utils.set_random_seed(0)
    if kind == "conv":
        shape = (8, 8, 1)
        return conv_encoder(shape, 3), conv_decoder(3, shape), shape
    return dense_encoder(10, 3, hidden=(8,)), dense_decoder(3, 10, hidden=(8,)), (10,)


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_mean_head_is_the_plain_encoder(kind):
    encoder, _, shape = pieces(kind)
    posterior = variational_encoder(encoder)
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    mean, log_variance = posterior(x)
    np.testing.assert_array_equal(mean, encoder(x))
    assert log_variance.shape == (4, 3)
    assert float(np.abs(log_variance).max()) < 1.0
    assert len(posterior.weights) == len(encoder.weights) + 2


@pytest.mark.parametrize("kind", ["dense", "conv"])
@pytest.mark.parametrize("contractive", [False, True])
@pytest.mark.parametrize("variational", [False, True])
def test_plain_encoder_is_found_and_shares_weights(kind, contractive, variational):
    plain, decoder, shape = pieces(kind)
    encoder = variational_encoder(plain) if variational else plain
    if contractive:
        encoder = ContractiveEncoder(encoder, 0.1)
    if variational:
        model = variational_autoencoder(encoder, VariationalCode(3), decoder)
    else:
        model = chain(encoder, decoder)
    found = posterior_mean_encoder(model)
    assert (found.name, found.output_shape) == ("encoder", (None, 3))
    assert {id(w) for w in found.weights} == {id(w) for w in plain.weights}
    assert {type(x).__module__.split(".")[0] for x in found.layers} == {"keras"}
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    np.testing.assert_allclose(decoder(found(x)), model(x), atol=1e-6)


def test_found_encoder_loads_in_plain_keras(tmp_path):
    plain, decoder, _ = pieces("dense")
    model = variational_autoencoder(
        ContractiveEncoder(variational_encoder(plain), 0.1), VariationalCode(3), decoder
    )
    found = posterior_mean_encoder(model)
    found.save(tmp_path / "encoder.keras")
    assert "keras_astro" not in found.to_json()
    x = np.ones((2, 10), "float32")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(loaded(x), found(x))


def test_encoder_must_end_with_dense():
    inputs = keras.Input((4,))
    with pytest.raises(ConfigError, match="ends with Dense"):
        variational_encoder(keras.Model(inputs, layers.ReLU()(inputs)))

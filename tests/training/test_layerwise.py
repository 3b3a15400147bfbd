import keras
import numpy as np
import pytest

from keras_astro.errors import ConfigError
from keras_astro.models.classifier import class_head
from keras_astro.models.dense import dense_decoder, dense_encoder
from keras_astro.models.joined import chain
from keras_astro.training.layerwise import LayerwiseAdam, layerwise_adam

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 6)).astype("float32")


def autoencoder():
    keras.utils.set_random_seed(0)
    return chain(dense_encoder(6, 2, hidden=(5,)), dense_decoder(2, 6, hidden=(5,)))


def steps(model, optimizer, count=3, **options):
    """How far each weight moves in a few steps, by path."""
    model.compile(optimizer, "mse", **options)
    before = {w.path: w.numpy() for w in model.trainable_weights}
    for _ in range(count):
        model.train_on_batch(X, X)
    return {w.path: w.numpy() - before[w.path] for w in model.trainable_weights}


@pytest.mark.parametrize("jit", [False, True])
def test_updates_are_scaled_not_gradients(jit):
    plain = steps(autoencoder(), keras.optimizers.Adam(0.01), 1, jit_compile=jit)
    model = autoencoder()
    optimizer = layerwise_adam(model, {"encoder": 0.1, "z": 0.5}, learning_rate=0.01)
    found = steps(model, optimizer, 1, jit_compile=jit)
    for path, step in plain.items():
        name = path.split("/")[0]
        factor = {"encoder_0": 0.1, "z": 0.5}.get(name, 1.0)
        np.testing.assert_allclose(found[path], factor * step, rtol=1e-3, atol=1e-8)


def test_scaled_gradients_would_change_nothing():
    # Why the update is scaled: Adam divides a gradient by its own size.
    plain = steps(autoencoder(), keras.optimizers.Adam(0.01, epsilon=1e-12), 1)
    model = autoencoder()
    scaled = keras.optimizers.Adam(0.01, epsilon=1e-12)
    model.compile(scaled, lambda y, p: 0.1 * keras.ops.mean((y - p) ** 2, axis=-1))
    before = {w.path: w.numpy() for w in model.trainable_weights}
    model.train_on_batch(X, X)
    for weight in model.trainable_weights:
        moved = weight.numpy() - before[weight.path]
        np.testing.assert_allclose(moved, plain[weight.path], rtol=1e-2, atol=1e-6)


def test_without_factors_it_is_adam():
    plain = steps(autoencoder(), keras.optimizers.Adam(0.01))
    found = steps(autoencoder(), LayerwiseAdam(0.01))
    for path, step in plain.items():
        np.testing.assert_array_equal(found[path], step)


def test_it_trains_on_from_a_file_as_if_never_stopped(tmp_path):
    model = autoencoder()
    steps(model, layerwise_adam(model, {"encoder_*": 0.1}, learning_rate=0.01), 2)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert isinstance(loaded.optimizer, LayerwiseAdam)
    assert loaded.optimizer.factors == model.optimizer.factors
    for one in (model, loaded):
        one.train_on_batch(X, X)
    for a, b in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_schedules_are_scaled_too():
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 10)
    model = autoencoder()
    found = steps(model, layerwise_adam(model, {"z": 0.5}, learning_rate=schedule), 1)
    assert np.abs(found["z/bias"]).max() == pytest.approx(0.005, rel=1e-2)


def test_the_last_pattern_counts():
    model = autoencoder()
    found = layerwise_adam(model, {"encoder": 0.1, "encoder_0": 0.3, "z": 1.0})
    assert found.factors == {"encoder_0/kernel": 0.3, "encoder_0/bias": 0.3}


def test_mistakes_are_refused(refused):
    model = autoencoder()
    with refused(ConfigError, "encodr_0", "did you mean encoder_0?"):
        layerwise_adam(model, {"encodr_0": 0.1})
    with refused(ConfigError, "above 0, received 0", hint="Freeze"):
        layerwise_adam(model, {"z": 0})


def test_weights_of_one_path_cannot_differ(refused):
    encoder = dense_encoder(6, 2, hidden=(5,))
    heads = [class_head(2, 3, hidden=(4,)) for _ in range(2)]
    named = [
        keras.Model(head.input, head.output, name=f"head_{i}_of_2")
        for i, head in enumerate(heads)
    ]
    both = keras.Model(encoder.input, [head(encoder.output) for head in named])
    with refused(ConfigError, "two weights are called", hint="different names"):
        layerwise_adam(both, {"head_1_of_2": 0.1})


def test_factors_of_other_weights_are_refused(refused):
    with refused(ConfigError, "nowhere/kernel", hint="after freezing"):
        steps(autoencoder(), LayerwiseAdam(0.01, {"nowhere/kernel": 0.1}), 1)

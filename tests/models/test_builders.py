"""Every builder at odd sizes: training, files, XLA and small runtimes."""

import harness
import keras
import numpy as np
import pytest

from keras_astro.errors import ConfigError
from keras_astro.layers.predictive import PredictiveMoments
from keras_astro.models import regressor
from keras_astro.models.classifier import class_head, with_probabilities
from keras_astro.models.conv1d import conv1d_decoder, conv1d_encoder
from keras_astro.models.conv2d import conv_decoder, conv_encoder
from keras_astro.models.denoiser import edsr, rdn
from keras_astro.models.dense import dense_decoder, dense_encoder
from keras_astro.models.ensemble import classification_ensemble, regression_ensemble
from keras_astro.models.joined import chain, with_head
from keras_astro.models.recurrent import (
    recurrent_encoder,
    temporal_encoder,
    unrolled,
)
from keras_astro.models.residual import residual_decoder, residual_encoder
from keras_astro.models.shapes import with_channels
from keras_astro.models.transfer import record_pretraining
from keras_astro.models.xception import xception_encoder

SPECTRUM, CHANNELS, FRAME, ALERTS = (37,), (37, 2), (9, 7, 2), (5, 3)
SMALL = {"filters": (4, 6)}


def member(seed):
    keras.utils.set_random_seed(seed)
    head = regressor.parameter_head(4, 2, hidden=(5,))
    moments = PredictiveMoments("gaussian", 2)(head.output)
    return keras.Model(head.input, moments, name="member")


def recorded():
    encoder = dense_encoder(7, 2, hidden=(5,))
    return record_pretraining(encoder, task="cgm", data="cgm.h5", rows=9, epochs=1)


BUILDERS = {
    "dense_encoder": lambda: dense_encoder(7, 2, hidden=(5, 3)),
    "dense_decoder": lambda: dense_decoder(2, 7, hidden=(5, 3)),
    "conv1d_encoder": lambda: conv1d_encoder(SPECTRUM, 2, **SMALL),
    "conv1d_attention": lambda: conv1d_encoder(CHANNELS, 2, attention=True, **SMALL),
    "conv1d_decoder": lambda: conv1d_decoder(2, SPECTRUM, **SMALL),
    "conv1d_decoder_channels": lambda: conv1d_decoder(2, CHANNELS, **SMALL),
    "conv1d_classifier": lambda: with_head(
        conv1d_encoder(SPECTRUM, 2, **SMALL), class_head(2, 3, hidden=(4,))
    ),
    "conv_encoder": lambda: conv_encoder(FRAME, 2, **SMALL),
    "conv_decoder": lambda: conv_decoder(2, FRAME, **SMALL),
    "residual_encoder_1d": lambda: residual_encoder(SPECTRUM, 2, **SMALL),
    "residual_encoder_2d": lambda: residual_encoder(FRAME, 2, normalise=True, **SMALL),
    "residual_decoder_1d": lambda: residual_decoder(2, CHANNELS, **SMALL),
    "residual_decoder_2d": lambda: residual_decoder(2, FRAME, **SMALL),
    "temporal_encoder": lambda: temporal_encoder(ALERTS, 2, filters=(4, 4)),
    "gru_unrolled": lambda: unrolled(recurrent_encoder(ALERTS, 2, units=(4, 3))),
    "lstm_unrolled": lambda: unrolled(
        recurrent_encoder(ALERTS, 2, cell="lstm", units=(4, 3))
    ),
    "edsr": lambda: edsr(FRAME, filters=4, blocks=2),
    "rdn": lambda: rdn(FRAME, filters=4, growth=3, blocks=2, convolutions=2),
    "xception_encoder": lambda: xception_encoder(FRAME, 2, middle=1, **SMALL),
    "parameter_head": lambda: regressor.parameter_head(4, 2, hidden=(5,)),
    "covariance_head": lambda: regressor.covariance_head(4, 3, hidden=(5,)),
    "mixture_head": lambda: regressor.mixture_head(4, 2, components=3, hidden=(5,)),
    "class_head": lambda: class_head(4, 3, hidden=(5,)),
    "with_probabilities": lambda: with_probabilities(class_head(4, 3), 1.7),
    "regression_ensemble": lambda: regression_ensemble([member(0), member(1)]),
    "classification_ensemble": lambda: classification_ensemble(
        [with_probabilities(class_head(4, 3)) for _ in range(2)]
    ),
    "recorded": recorded,
}
# What exports otherwise: a loop, by its unrolled twin.
LOOPS = {
    "gru": lambda: recurrent_encoder(ALERTS, 2, units=(4, 3)),
    "lstm": lambda: recurrent_encoder(ALERTS, 2, cell="lstm", units=(4, 3)),
}


def rows_of(model, batch=3):
    """Inputs of a model; masks with one, some and no padded steps."""
    rng = np.random.default_rng(0)
    found = keras.tree.map_structure(
        lambda x: rng.normal(size=(batch, *x.shape[1:])).astype("float32"), model.input
    )
    if isinstance(found, dict) and "mask" in found:
        steps = found["mask"].shape[1]
        lengths = np.arange(steps, steps - batch, -1)[:, None]
        found["mask"] = (np.arange(steps) < lengths).astype("float32")
    return found


@pytest.mark.parametrize("name", [*BUILDERS, *LOOPS])
def test_builder(name):
    keras.utils.set_random_seed(0)
    model = (BUILDERS | LOOPS)[name]()
    inputs = rows_of(model)
    check_one_step(model, inputs)
    harness.check_model(model, inputs)


def check_one_step(model, inputs):
    """Training starts from a finite loss and leaves finite weights."""
    targets = keras.tree.map_structure(np.zeros_like, model(inputs, training=False))
    losses = keras.tree.map_structure(lambda _: "mse", targets)
    model.compile("adam", losses, run_eagerly=True)
    before = model.get_weights()
    assert np.isfinite(model.train_on_batch(inputs, targets)).all()
    after = model.get_weights()
    assert all(np.isfinite(w).all() for w in after)
    assert any((a != b).any() for a, b in zip(after, before, strict=True))


@pytest.fixture(scope="module")
def exported():
    """Each builder's model with named outputs, and its rows."""
    models, inputs = {}, {}
    for name, build in BUILDERS.items():
        keras.utils.set_random_seed(0)
        model = build()
        flat = keras.tree.flatten(model.input)
        outputs = keras.tree.flatten(model.output)
        models[name] = keras.Model(
            {x.name: x for x in flat}, {f"out_{i}": x for i, x in enumerate(outputs)}
        )
        rows = keras.tree.flatten(rows_of(model))
        inputs[name] = dict(zip([x.name for x in flat], rows, strict=True))
    return models, inputs


def test_small_runtimes_agree(exported):
    failed = {k: v for k, v in harness.tflite_errors(*exported).items() if v}
    assert not failed


def test_saved_models_agree(exported, tmp_path):
    found = harness.saved_model_errors(*exported, tmp_path / "1")
    assert not {k: v for k, v in found.items() if v}


SIZES = [(1,), (2,), (31,), (64, 1), (1, 1, 1), (2, 3, 1), (8, 8, 2), (13, 21, 1)]


@pytest.mark.parametrize("shape", SIZES)
def test_autoencoders_of_any_size_give_back_the_shape(shape):
    pairs = [(residual_encoder, residual_decoder)]
    pairs += [(conv_encoder, conv_decoder)] if len(shape) == 3 else []
    pairs += [(conv1d_encoder, conv1d_decoder)] if len(shape) < 3 else []
    for encoder, decoder in pairs:
        model = chain(encoder(shape, 2, **SMALL), decoder(2, shape, **SMALL))
        assert model.output_shape == (None, *shape)
        assert model(np.ones((1, *shape), "float32")).shape == (1, *shape)


@pytest.mark.parametrize("build", [edsr, rdn])
def test_denoisers_take_images_of_any_size(build):
    model = build((None, None, 1), filters=4, blocks=2)
    for size in [(1, 1), (5, 8), (21, 21)]:
        assert model(np.ones((1, *size, 1), "float32")).shape == (1, *size, 1)


@pytest.mark.parametrize("build", [edsr, rdn])
def test_denoisers_add_to_the_input(build):
    model = build((5, 4, 1), filters=4, blocks=1)
    model.get_layer("noise").set_weights(
        [np.zeros_like(w) for w in model.get_layer("noise").get_weights()]
    )
    frame = np.random.default_rng(0).normal(size=(2, 5, 4, 1)).astype("float32")
    np.testing.assert_array_equal(model(frame), frame)


def test_a_head_of_another_width_is_refused(refused):
    words = "class_head", "(None, 3)", "encoder", "(None, 2)"
    with refused(ConfigError, *words, hint="same latent_dim"):
        with_head(dense_encoder(5, 2), class_head(3, 2))


def test_a_shape_of_four_axes_is_refused(refused):
    with refused(ConfigError, "residual", "(2, 2, 2, 1)", hint="without the batch"):
        with_channels((2, 2, 2, 1), name="residual")


def test_builders_have_no_batch_normalisation():
    for build in BUILDERS.values():
        kinds = {type(x).__name__ for x in build()._flatten_layers()}
        assert "BatchNormalization" not in kinds

"""Files of Keras 2, written by its last release, against what that release computes."""

import json
import warnings

import h5py
import numpy as np
import pytest

from keras_astro.errors import ArtefactError
from keras_astro.exports.legacy import write_legacy
from keras_astro.models.legacy import read_legacy

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tf_keras

SHAPE = (15, 15, 3)


def braai_like(layers):
    """The survey's pattern: pairs of convolutions, pooling, dropout, dense."""
    return tf_keras.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=SHAPE),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def acai_like(layers):
    """A functional network of separable convolutions with normalisation."""
    inputs = layers.Input(SHAPE, name="triplet")
    x = layers.SeparableConv2D(4, 3, activation="relu")(inputs)
    x = layers.BatchNormalization()(x)
    y = layers.SeparableConv2D(4, 3, padding="same")(x)
    x = layers.Concatenate()([x, layers.LeakyReLU(alpha=0.2)(y)])
    x = layers.GlobalAveragePooling2D()(x)
    return tf_keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


@pytest.fixture(scope="module", params=[braai_like, acai_like])
def saved(request, tmp_path_factory):
    """The file, inputs and what Keras 2 makes of them."""
    model = request.param(tf_keras.layers)
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 0.5, w.shape) for w in model.get_weights()])
    path = tmp_path_factory.mktemp("legacy") / f"{request.param.__name__}.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path, save_format="h5")
    stamps = rng.normal(size=(4, *SHAPE)).astype("float32")
    return path, stamps, np.asarray(model(stamps, training=False))


def test_the_network_computes_what_it_did(saved):
    path, stamps, expected = saved
    np.testing.assert_allclose(read_legacy(path)(stamps), expected, atol=1e-6)


def test_it_runs_without_tensorflow(saved, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    path, stamps, expected = saved
    write_legacy(read_legacy(path), tmp_path / "net.tflite")
    runner = Interpreter(str(tmp_path / "net.tflite")).get_signature_runner()
    found = runner(triplet=stamps)["score"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_code_and_foreign_files_are_refused(saved, tmp_path, refused):
    path, *_ = saved
    other = tmp_path / "lambda.h5"
    other.write_bytes(path.read_bytes())
    with h5py.File(other, "r+") as file:
        described = json.loads(file.attrs["model_config"])
        described["config"]["layers"][-1]["class_name"] = "Lambda"
        file.attrs["model_config"] = json.dumps(described)
    with refused(ArtefactError, "is a Lambda, which is not imported"):
        read_legacy(other)
    with h5py.File(other, "r+") as file:
        del file["model_weights"]
    with refused(ArtefactError, "model_weights"):
        read_legacy(other)
    other.write_bytes(b"not HDF5")
    with refused(ArtefactError, "lambda.h5"):
        read_legacy(other)

import keras
import numpy as np
import pytest

from keras_astro.errors import ConfigError
from keras_astro.layers.contractive import ContractiveEncoder
from keras_astro.models.classifier import class_head
from keras_astro.models.dense import dense_decoder, dense_encoder
from keras_astro.models.joined import chain, with_head
from keras_astro.models.recurrent import recurrent_encoder
from keras_astro.models.transfer import (
    freeze,
    matching,
    pretraining,
    record_pretraining,
    unfreeze,
)

FACTS = {"task": "stellar", "data": "sha256:abc", "rows": 900, "epochs": 50}


def encoder():
    return dense_encoder(6, 2, hidden=(5, 4))


def classifier(recorded=True):
    found = record_pretraining(encoder(), **FACTS) if recorded else encoder()
    return with_head(found, class_head(2, 3, hidden=(4,)))


def trainable(model):
    return [w.path for w in model.trainable_weights]


def fit_once(model):
    rng = np.random.default_rng(0)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(rng.normal(size=(8, 6)), rng.integers(0, 3, 8), verbose=0)


def test_the_record_is_in_the_file(tmp_path):
    classifier().save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    record = pretraining(loaded.get_layer("encoder"))
    assert {k: record[k] for k in FACTS} == FACTS
    freeze(loaded, "encoder_0")
    assert "encoder_0/kernel" not in trainable(loaded)


def test_the_record_changes_nothing_else():
    plain = encoder()
    found = record_pretraining(plain, **FACTS)
    x = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    np.testing.assert_array_equal(found(x), plain(x))
    assert found.name == plain.name
    assert [id(w) for w in found.weights] == [id(w) for w in plain.weights]


def test_frozen_layers_stay_and_others_move():
    model = classifier()
    freeze(model, "encoder_*")
    before = {w.path: w.numpy() for w in model.weights}
    fit_once(model)
    moved = {w.path for w in model.weights if np.abs(w - before[w.path]).max() > 0}
    assert moved == {
        f"{name}/{part}"
        for name in ("z", "head_0", "logits")
        for part in ("kernel", "bias")
    }


def test_a_model_name_stands_for_all_its_layers():
    model = classifier()
    freeze(model, "encoder")
    assert {path.split("/")[0] for path in trainable(model)} == {"head_0", "logits"}
    unfreeze(model, "z")
    assert "z/kernel" in trainable(model)
    unfreeze(model, "*")
    assert len(trainable(model)) == len(model.weights)


def test_frozen_layers_are_frozen_in_the_file(tmp_path):
    model = classifier()
    freeze(model, "encoder_0")
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert trainable(loaded) == trainable(model)


def test_an_encoder_that_learnt_nothing_is_not_frozen(refused):
    model = classifier(recorded=False)
    with refused(
        ConfigError, "encoder_0", "no recorded pre-training", hint="record_pretraining"
    ):
        freeze(model, "encoder_*")
    assert len(trainable(model)) == len(model.weights)


def test_the_record_of_the_encoder_is_not_one_of_the_head(refused):
    model = classifier()
    with refused(ConfigError, "head_0", "no recorded pre-training"):
        freeze(model, "encoder_0", "head_0")
    # Refused as a whole: nothing was frozen on the way.
    assert len(trainable(model)) == len(model.weights)


def test_a_network_built_anew_has_no_record(refused):
    found = record_pretraining(encoder(), **FACTS)
    anew = found.__class__.from_config(found.get_config())
    assert pretraining(anew) is None
    with refused(ConfigError, "no recorded pre-training"):
        freeze(anew, "encoder_0")


@pytest.mark.parametrize(
    ("pattern", "near"), [("encodr_0", "encoder_0"), ("logit", "logits")]
)
def test_unknown_names_are_refused_with_the_nearest(refused, pattern, near):
    words = (f"named {pattern}", f"did you mean {near}?")
    with refused(ConfigError, *words, hint="encoder_1"):
        freeze(classifier(), pattern)
    with refused(ConfigError, *words):
        unfreeze(classifier(), pattern)


def test_layers_inside_wrappers_are_found():
    inside = record_pretraining(encoder(), **FACTS)
    model = chain(
        ContractiveEncoder(inside, 0.1, name="contractive"),
        dense_decoder(2, 6, hidden=(4, 5)),
    )
    freeze(model, "encoder_1")
    assert "encoder_1/kernel" not in trainable(model)
    assert "encoder_0/kernel" in trainable(model)


def test_a_recurrent_layer_is_frozen_with_its_cell(tmp_path):
    found = record_pretraining(recurrent_encoder((4, 3), 2), **FACTS)
    freeze(found, "encoder_0")
    assert trainable(found) == ["z/kernel", "z/bias"]
    found.save(tmp_path / "m.keras")
    assert trainable(keras.models.load_model(tmp_path / "m.keras")) == trainable(found)


def test_a_record_of_no_training_is_refused(refused):
    with refused(ConfigError, "rows and epochs", "0 and 50"):
        record_pretraining(encoder(), **(FACTS | {"rows": 0}))


def test_layers_without_weights_fit_no_pattern(refused):
    with refused(ConfigError, "pretraining"):
        matching(classifier(), "pretraining")

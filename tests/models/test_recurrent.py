import keras
import numpy as np
import pytest

from keras_astro.errors import ConfigError
from keras_astro.models.classifier import class_head
from keras_astro.models.joined import with_head
from keras_astro.models.recurrent import (
    recurrent_encoder,
    temporal_encoder,
    unrolled,
)

STEPS, FEATURES = 6, 3
BUILDERS = {
    "gru": lambda steps: recurrent_encoder((steps, FEATURES), 2, units=(4, 5)),
    "lstm": lambda steps: recurrent_encoder(
        (steps, FEATURES), 2, cell="lstm", units=(4, 5)
    ),
    "temporal": lambda steps: temporal_encoder((steps, FEATURES), 2, filters=(4, 4, 4)),
}


def sequences(lengths, steps=STEPS):
    rng = np.random.default_rng(1)
    sequence = rng.normal(size=(len(lengths), steps, FEATURES)).astype("float32")
    mask = (np.arange(steps) < np.array(lengths)[:, None]).astype("float32")
    return {"sequence": sequence, "mask": mask}


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("steps", [STEPS, None])
def test_padding_is_never_seen(name, steps):
    model = BUILDERS[name](steps)
    inputs = sequences([6, 4, 1, 0])
    other = inputs | {
        "sequence": np.where(inputs["mask"][..., None] > 0, inputs["sequence"], 77.0)
    }
    before = np.asarray(model(inputs))
    assert np.isfinite(before).all()
    np.testing.assert_allclose(model(other), before, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", BUILDERS)
def test_shorter_sequences_are_themselves_padded(name):
    model = BUILDERS[name](None)
    inputs = sequences([3, 3])
    cut = {key: value[:, :3] for key, value in inputs.items()}
    np.testing.assert_allclose(model(cut), model(inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_observed_step_counts(name):
    model = BUILDERS[name](STEPS)
    inputs = sequences([4])
    for step in range(4):
        other = inputs["sequence"].copy()
        other[0, step] += 1.0
        changed = model(inputs | {"sequence": other}) - model(inputs)
        assert np.abs(changed).max() > 1e-6


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_unrolled_twin_gives_the_same(cell):
    encoder = recurrent_encoder((STEPS, FEATURES), 2, cell=cell, units=(4, 5))
    model = with_head(encoder, class_head(2, 3, hidden=(4,)))
    twin = unrolled(model)
    inputs = sequences([6, 5, 2, 1, 0])
    np.testing.assert_allclose(twin(inputs), model(inputs), rtol=1e-5, atol=1e-6)
    loops = [x for x in twin._flatten_layers() if isinstance(x, keras.layers.RNN)]
    assert [layer.unroll for layer in loops] == [True, True]
    assert [w.path for w in twin.weights] == [w.path for w in model.weights]


def test_the_twin_is_a_copy():
    model = recurrent_encoder((STEPS, FEATURES), 2)
    twin = unrolled(model)
    for weight in twin.weights:
        weight.assign(weight + 1.0)
    inputs = sequences([6])
    assert np.abs(model(inputs) - twin(inputs)).max() > 1e-3


def test_any_number_of_steps_cannot_be_unrolled(refused):
    with refused(ConfigError, "encoder_0", "any number of steps"):
        unrolled(recurrent_encoder((None, FEATURES), 2))


def test_an_unknown_cell_is_refused(refused):
    with refused(ConfigError, "'rnn'", "gru", "lstm", hint="Use gru"):
        recurrent_encoder((STEPS, FEATURES), 2, cell="rnn")

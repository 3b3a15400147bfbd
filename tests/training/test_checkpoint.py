"""A checkpoint asks for room before it is written, and fits the network it is for."""

import keras
import numpy as np
import pytest

from keras_astro.errors import ArtefactError, DataError
from keras_astro.training import checkpoint
from keras_astro.training.checkpoint import Checkpoints


def fitted(units, *, inner=False):
    inputs = x = keras.Input((3,))
    for _ in range(12):
        x = keras.layers.Dense(units)(x)
    if inner:
        last = keras.Input((units,))
        x = keras.Model(last, keras.layers.Dense(units)(last))(x)
    model = keras.Model(inputs, x)
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, units)), verbose=0)
    return model


@pytest.fixture
def model():
    return fitted(5)


def test_the_room_asked_for_is_enough(model, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(checkpoint, "check_room", lambda _, size: asked.append(size))
    Checkpoints(tmp_path, "s").save(model, epoch=1, history=[], done=False)
    (file,) = tmp_path.glob("*.h5")
    assert file.stat().st_size < asked[0] < file.stat().st_size + 200_000


def test_without_room_nothing_is_written_and_the_old_stays(
    model, tmp_path, monkeypatch
):
    checkpoints = Checkpoints(tmp_path, "s")
    checkpoints.save(model, epoch=1, history=[], done=False)
    before = sorted(tmp_path.iterdir())
    # More than any disk holds.
    monkeypatch.setattr(checkpoint, "OVERHEAD_BYTES", 1 << 60)
    with pytest.raises(DataError, match="cannot be written"):
        checkpoints.save(model, epoch=2, history=[], done=False)
    assert sorted(tmp_path.iterdir()) == before
    assert checkpoints.state["epoch"] == 1


@pytest.mark.parametrize(("units", "inner"), [(6, False), (5, True)])
def test_weights_of_another_network_are_refused(model, tmp_path, refused, units, inner):
    Checkpoints(tmp_path, "s").save(model, epoch=1, history=[], done=False)
    with refused(ArtefactError, "found others", hint="another -o"):
        Checkpoints(tmp_path, "s").restore(fitted(units, inner=inner))


def test_a_damaged_checkpoint_is_refused(model, tmp_path, refused):
    checkpoints = Checkpoints(tmp_path, "s")
    checkpoints.save(model, epoch=1, history=[], done=False)
    (file,) = tmp_path.glob("*.h5")
    file.write_bytes(file.read_bytes()[:200])
    with refused(ArtefactError, file, hint="another -o"):
        checkpoints.restore(model)

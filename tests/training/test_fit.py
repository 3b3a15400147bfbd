import keras
import numpy as np
import pytest

from keras_astro.config import TrainConfig
from keras_astro.tasks.base import Stage, Stream
from keras_astro.training.checkpoint import Checkpoints
from keras_astro.training.fit import fit_stage, write_history
from keras_astro.training.strategy import choose_strategy

SETTINGS = TrainConfig(checkpoint_seconds=0, steps_per_execution=1)


def make_stage(epochs=6):
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 4)).astype("float32")
    inputs = keras.Input((4,))
    outputs = keras.layers.Dense(4)(keras.layers.Dense(2, "tanh")(inputs))
    return Stage(
        name="toy",
        model=keras.Model(inputs, outputs),
        inputs=x[:40],
        targets=x[:40],
        validation=(x[40:], x[40:]),
        loss="mse",
        epochs=epochs,
        batch_size=16,
        learning_rate=0.01,
    )


class StopAt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_loss_falls_and_history_is_complete():
    history = fit_stage(make_stage(), SETTINGS, seed=0)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["loss"] < history[0]["loss"]
    assert "val_loss" in history[0]


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path):
    whole_stage = make_stage()
    whole = fit_stage(whole_stage, SETTINGS, seed=0)
    checkpoints = Checkpoints(tmp_path / "checkpoints", "toy")
    with pytest.raises(KeyboardInterrupt):
        fit_stage(
            make_stage(),
            SETTINGS,
            seed=0,
            checkpoints=checkpoints,
            callbacks=[StopAt(3)],
        )
    assert checkpoints.state["epoch"] == 3
    resumed_stage = make_stage()
    resumed = fit_stage(resumed_stage, SETTINGS, seed=0, checkpoints=checkpoints)
    assert [row["loss"] for row in resumed] == pytest.approx(
        [row["loss"] for row in whole], rel=1e-6
    )
    for one, two in zip(
        whole_stage.model.get_weights(), resumed_stage.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)


def test_finished_stage_is_not_fitted_again(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", "toy")
    first = fit_stage(make_stage(), SETTINGS, seed=0, checkpoints=checkpoints)
    again = fit_stage(
        make_stage(), SETTINGS, seed=0, checkpoints=checkpoints, callbacks=[StopAt(0)]
    )
    assert again == first


def test_only_the_newest_checkpoint_stays(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", "toy")
    fit_stage(make_stage(), SETTINGS, seed=0, checkpoints=checkpoints)
    names = [path.name for path in (tmp_path / "checkpoints").glob("*.h5")]
    assert names == ["toy-6-final.weights.h5"]


def test_mirrored_equals_one_device():
    single = fit_stage(make_stage(), SETTINGS, seed=0)
    with choose_strategy("mirrored").scope():
        mirrored = fit_stage(make_stage(), SETTINGS, seed=0)
    assert [r["loss"] for r in mirrored] == pytest.approx(
        [r["loss"] for r in single], rel=1e-5
    )


def test_history_has_a_column_for_each_part(tmp_path):
    write_history(
        tmp_path / "h.csv",
        {"a": [{"epoch": 1, "loss": 2.0}], "b": [{"epoch": 1, "kl": 0.5}]},
    )
    assert (tmp_path / "h.csv").read_text().splitlines() == [
        "stage,epoch,loss,kl",
        "a,1,2.0,",
        "b,1,,0.5",
    ]


def streamed_stage(epochs=4):
    keras.utils.set_random_seed(1)
    asked = []

    def make(step, rows):
        asked.append((step, rows))
        x = np.random.default_rng(step).normal(size=(rows, 3)).astype("float32")
        return {"x": x, "scale": x[:, 0]}, x[:, 1:]

    inputs = {"x": keras.Input((3,), name="x"), "scale": keras.Input((), name="scale")}
    stage = Stage(
        name="streamed",
        model=keras.Model(inputs, keras.layers.Dense(2)(inputs["x"])),
        inputs=Stream(make, rows=40),
        targets=None,
        validation=make(1000, 20),
        loss="mse",
        epochs=epochs,
        batch_size=16,
        learning_rate=0.05,
    )
    return stage, asked


def test_a_stream_is_asked_for_each_step_once():
    stage, asked = streamed_stage()
    assert stage.rows == 40
    assert {k: v.shape for k, v in stage.input_arrays.items()} == {
        "x": (1, 3),
        "scale": (1,),
    }
    del asked[:]
    history = fit_stage(stage, SETTINGS, seed=0)
    assert history[-1]["loss"] < history[0]["loss"]
    # One row is asked for first, to learn the shapes.
    assert asked[0] == (0, 1)
    assert asked[1:] == [(step, 16) for step in range(4 * 3)]


def test_a_resumed_stream_equals_an_uninterrupted_one(tmp_path):
    whole, _ = streamed_stage()
    fit_stage(whole, SETTINGS, seed=0)
    checkpoints = Checkpoints(tmp_path / "checkpoints", "streamed")
    with pytest.raises(KeyboardInterrupt):
        fit_stage(
            streamed_stage()[0],
            SETTINGS,
            seed=0,
            checkpoints=checkpoints,
            callbacks=[StopAt(2)],
        )
    resumed, asked = streamed_stage()
    fit_stage(resumed, SETTINGS, seed=0, checkpoints=checkpoints)
    assert min(step for step, rows in asked if rows == 16) == 6
    pairs = zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)

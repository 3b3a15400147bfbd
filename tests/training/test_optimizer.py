import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_astro import registry
from keras_astro.config import TrainConfig
from keras_astro.tasks.base import Stage
from keras_astro.training.checkpoint import Checkpoints
from keras_astro.training.fit import compile_stage
from keras_astro.training.optimizer import FusedAdam

STEPS = 12


def schedule():
    return keras.optimizers.schedules.CosineDecay(2e-3, STEPS, alpha=1e-3)


def updated(cls, *, jit=False, dtype="float32", shapes=((7, 5), (5,), ()), **options):
    """Three variables, then the optimiser's, after gradients of all sizes."""
    rng = np.random.default_rng(0)
    optimizer = cls(schedule(), **options)
    weights = [keras.Variable(rng.normal(size=s), dtype=dtype) for s in shapes]
    optimizer.build(weights)
    apply = tf.function(lambda *g: optimizer.apply(list(g), weights), jit_compile=jit)
    for step in range(STEPS):
        size = 10.0 ** (step % 4 - 2)
        apply(*[tf.constant(size * rng.normal(size=s), dtype) for s in shapes])
    values = weights + optimizer.variables
    return [keras.ops.convert_to_numpy(v).astype("float64") for v in values]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"clipnorm": 1.0},
        {"global_clipnorm": 1.0},
        {"weight_decay": 0.1, "clipvalue": 0.5},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
        {"amsgrad": True, "clipnorm": 1.0},
        {"use_ema": True, "ema_momentum": 0.9},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_equals_the_adam_of_keras(options, jit):
    ours = updated(FusedAdam, jit=jit, **options)
    theirs = updated(keras.optimizers.Adam, **options)
    for one, two in zip(ours[:3], theirs[:3], strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-6)
    # One of the two rounds beta_2 before it is taken from 1.
    for one, two in zip(ours[3:], theirs[3:], strict=True):
        np.testing.assert_allclose(one, two, rtol=2e-5, atol=1e-6)


def test_equals_the_published_equations_in_double_precision():
    rate, beta_1, beta_2, epsilon = 2.0**-9, 0.9, 0.999, 1e-7
    optimizer = FusedAdam(rate, beta_1, beta_2, epsilon)
    weight = keras.Variable([1.0, -2.0, 0.5], dtype="float64")
    w, m, v = weight.numpy(), np.zeros(3), np.zeros(3)
    for t in range(1, STEPS + 1):
        g = np.array([1.0, -3.0, 0.1 * t])
        optimizer.apply([tf.constant(g)], [weight])
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        scale = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        w = w - scale * m / (np.sqrt(v) + epsilon)
    np.testing.assert_allclose(weight.numpy(), w, rtol=1e-12)


@pytest.mark.parametrize("size", [0.0, 0.5, 3.0])
def test_clipping_equals_that_of_tensorflow(size):
    gradient = tf.constant([[size, 0.0], [0.0, -size]])
    clipped = FusedAdam(0.1, clipnorm=1.0)._clip_gradients([gradient])[0]
    np.testing.assert_allclose(clipped, tf.clip_by_norm(gradient, 1.0), rtol=1e-6)


def test_sparse_gradients_equal():
    found = {}
    for cls in (FusedAdam, keras.optimizers.Adam):
        optimizer = cls(0.1, clipnorm=1.0)
        table = keras.Variable(np.ones((4, 2), "float32"))
        slices = tf.IndexedSlices(tf.fill((2, 2), 3.0), tf.constant([0, 2]), (4, 2))
        for _ in range(3):
            optimizer.apply([slices], [table])
        found[cls] = table.numpy()
    assert np.ptp(found[FusedAdam]) > 0.1
    np.testing.assert_allclose(*found.values(), rtol=1e-6)


def network(policy="float32"):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(8, "gelu", dtype=policy)(inputs)
    return keras.Model(inputs, keras.layers.Dense(6, dtype=policy)(hidden))


def rows():
    return np.random.default_rng(0).normal(size=(64, 6)).astype("float32")


def fitted(cls, policy="float32"):
    model = network(policy)
    model.compile(cls(schedule(), clipnorm=0.1), loss="mse", jit_compile=False)
    model.fit(rows(), rows(), batch_size=16, epochs=3, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_training_ends_at_the_same_weights(policy):
    ours, theirs = (fitted(c, policy) for c in (FusedAdam, keras.optimizers.Adam))
    # In bfloat16 a last-digit difference of a weight may move its rounded copy.
    tolerance = 1e-6 if policy == "float32" else 2e-3
    for one, two in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance)


def test_continues_from_a_checkpoint_of_the_adam_of_keras(tmp_path):
    first = fitted(keras.optimizers.Adam)
    checkpoints = Checkpoints(tmp_path, "toy")
    checkpoints.save(first, epoch=3, history=[], done=False)
    second = network()
    second.compile(FusedAdam(schedule(), clipnorm=0.1), loss="mse")
    assert checkpoints.restore(second)["epoch"] == 3
    assert int(second.optimizer.iterations) == STEPS
    for one, two in zip(
        first.optimizer.variables, second.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_saved_and_loaded_without_custom_objects(tmp_path):
    registry.load_all()
    model = fitted(FusedAdam)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras").optimizer
    assert type(loaded) is FusedAdam
    assert loaded.get_config() == model.optimizer.get_config()
    for one, two in zip(loaded.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_stages_are_compiled_with_it():
    stage = Stage(
        name="toy",
        model=network(),
        inputs=rows(),
        targets=rows(),
        validation=(rows(), rows()),
        loss="mse",
        epochs=2,
        batch_size=16,
        learning_rate=0.01,
    )
    compile_stage(stage, TrainConfig(clip_norm=0.5), steps_per_epoch=4)
    assert type(stage.model.optimizer) is FusedAdam
    assert stage.model.optimizer.clipnorm == 0.5


MIRRORED = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from keras_astro.training.optimizer import FusedAdam
x = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")

def fit(strategy, optimizer, clipnorm=None):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        inputs = keras.Input((5,))
        hidden = keras.layers.Dense(8, "tanh")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(5)(hidden))
        optimizer = optimizer(5e-3, clipnorm=clipnorm)
        model.compile(optimizer, loss="mse", jit_compile=False)
    pairs = tf.data.Dataset.from_tensor_slices((x, x)).batch(16)
    model.fit(pairs, epochs=4, verbose=0, shuffle=False)
    replicas = [
        strategy.experimental_local_results(v.value) for v in model.optimizer.variables
    ]
    assert all(np.array_equal(r[0], one) for r in replicas for one in r)
    return np.concatenate([w.ravel() for w in model.get_weights()])

two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert two.num_replicas_in_sync == 2
one = tf.distribute.OneDeviceStrategy("CPU:0")
both = fit(two, FusedAdam)
print("keras", np.abs(both - fit(two, keras.optimizers.Adam)).max())
print("one", np.abs(both - fit(one, FusedAdam)).max())
clipped = fit(two, FusedAdam, 0.1)
print("clipped", np.abs(clipped - fit(one, FusedAdam, 0.1)).max())
print("by_share", np.abs(clipped - fit(two, keras.optimizers.Adam, 0.1)).max())
"""


def test_mirrored_devices_equal_keras_and_one_device():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MIRRORED)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = dict(line.split() for line in done.stdout.splitlines())
    assert float(found["keras"]) < 1e-6
    assert float(found["one"]) < 1e-5
    # The sum of all shares is clipped, as one device does; Keras clips each share.
    assert float(found["clipped"]) < 1e-5
    assert float(found["by_share"]) > 1e-4

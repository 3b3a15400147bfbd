"""One small training on one device, on two, or on two workers; prints what it found.

python shared_case.py KIND[,KIND...]: cpu, mirrored, multiworker; or what is refused:
refused (jit on two devices), differs (workers that begin with other weights).
"""

import hashlib
import json
import sys

import numpy as np
import tensorflow as tf

ROWS, EPOCHS = 49, 10


def two_devices():
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)


def make_stage():
    import keras

    from keras_astro.layers.contractive import ContractiveEncoder
    from keras_astro.layers.physics import GaussianNegativeLogLikelihood
    from keras_astro.tasks.base import Stage

    keras.saving.register_keras_serializable("tests")(first_error)
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(ROWS + 7, 5)).astype("float32")
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(8, "tanh", kernel_regularizer="l2")(inputs)
    encoder = keras.Model(inputs, keras.layers.Dense(3)(hidden))
    code = ContractiveEncoder(encoder, 0.3, "exact", seed=1)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(10)(code))
    return Stage(
        name="shared",
        model=model,
        inputs=x[:ROWS],
        targets=x[:ROWS],
        validation=(x[ROWS:], x[ROWS:]),
        loss=GaussianNegativeLogLikelihood(),
        epochs=EPOCHS,
        batch_size=16,
        learning_rate=0.02,
        metrics=[keras.metrics.MeanMetricWrapper(first_error, name="error")],
    )


def first_error(y_true, y_pred):
    return (y_true[:, 0] - y_pred[:, 0]) ** 2


def fit(kind):
    from keras_astro.config import TrainConfig
    from keras_astro.training.fit import fit_stage
    from keras_astro.training.strategy import Team

    name = {"refused": "mirrored", "differs": "multiworker"}.get(kind, kind)
    jit = "on" if kind == "refused" else "auto"
    team = Team.of(TrainConfig(strategy=name))
    stage = make_stage()
    if kind == "differs":
        stage.model.layers[-1].bias.assign_add(np.full(10, 1e-7 * team.index))
    train = TrainConfig(strategy=name, jit=jit, clip_norm=0.05)
    history = fit_stage(stage, train, seed=3, team=team)
    weights = b"".join(w.tobytes() for w in stage.model.get_weights())
    return {
        "history": history,
        "replicas": team.replicas,
        "worker": team.index,
        "sha256": hashlib.sha256(weights).hexdigest(),
    }


def main(kinds):
    from keras_astro.errors import KastroError

    if "mirrored" in kinds:
        two_devices()
    for kind in kinds:
        try:
            found = fit(kind)
        except KastroError as error:
            found = {"error": str(error)}
        print(json.dumps({"kind": kind} | found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1].split(","))

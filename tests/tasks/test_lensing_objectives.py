import itertools

import keras
import numpy as np
import pytest

from keras_astro.config import TrainConfig
from keras_astro.layers.pca import PrincipalComponents, fit_components
from keras_astro.tasks.base import Stage
from keras_astro.tasks.lensing_config import (
    LensingConfig,
    Model,
    Preprocessing,
)
from keras_astro.tasks.lensing_models import (
    build_autoencoder,
    feature_mse,
    mirror_layers,
    plain_encoder,
)
from keras_astro.tasks.objective_config import CodeObjective
from keras_astro.training.checkpoint import Checkpoints
from keras_astro.training.fit import fit_stage

SHAPES = {"pca_dense": (10,), "conv": (8, 8, 1)}
SETTINGS = TrainConfig(checkpoint_seconds=0, steps_per_execution=2)


def config(kind="pca_dense", contractive=0.0, variational=False, **more):
    return LensingConfig(
        model=Model(
            kind=kind,
            latent_dim=3,
            hidden=(8, 6),
            variational=variational,
            prior=more.pop("prior", "normal"),
        ),
        objective=CodeObjective(contractive=contractive, **more),
    )


def features(kind, n=24):
    return np.random.default_rng(0).normal(size=(n, *SHAPES[kind])).astype("float32")


def stage(settings, epochs=2):
    keras.utils.set_random_seed(1)
    kind = settings.model.kind
    x = features(kind)
    return Stage(
        name="autoencoder",
        model=build_autoencoder(settings, SHAPES[kind]),
        inputs=x[:16],
        targets=x[:16],
        validation=(x[16:], x[16:]),
        loss="mse",
        epochs=epochs,
        batch_size=8,
        learning_rate=0.01,
    )


@pytest.mark.parametrize(
    ("kind", "contractive", "variational"),
    list(itertools.product(SHAPES, (0.0, 0.1), (False, True))),
)
def test_all_objectives_train_and_leave_a_plain_encoder(kind, contractive, variational):
    fitted = stage(config(kind, contractive, variational))
    history = fit_stage(fitted, SETTINGS, seed=0)
    named = {"contractive"} if contractive else set()
    named |= {"kl"} if variational else set()
    assert set(history[-1]) == {"epoch", "loss", "val_loss"} | named | {
        f"val_{name}" for name in named
    }
    model = fitted.model
    encoder, decoder = plain_encoder(model), model.get_layer("decoder")
    assert encoder.name == "encoder"
    x = features(kind)
    difference = np.asarray(decoder(encoder(x))) - x
    expected = np.mean(difference**2, axis=tuple(range(1, x.ndim)))
    np.testing.assert_allclose(feature_mse(model, x), expected, rtol=1e-4)
    np.testing.assert_array_equal(feature_mse(model, x), feature_mse(model, x))


def test_default_objective_is_the_plain_autoencoder():
    model = build_autoencoder(config(), (10,))
    assert [layer.name for layer in model.layers] == ["inputs", "encoder", "decoder"]
    assert plain_encoder(model) is model.get_layer("encoder")


@pytest.mark.parametrize("prior", ["mixture", "flow"])
@pytest.mark.parametrize("method", ["exact", "last_layer"])
def test_configured_method_and_prior_are_used(prior, method):
    settings = config(
        "pca_dense", 0.1, True, prior=prior, contractive_method=method, kl=0.03
    )
    model = build_autoencoder(settings, (10,))
    contractive, code = model.get_layer("contractive"), model.get_layer("code")
    assert (contractive.weight, contractive.method) == (0.1, method)
    assert (type(code.prior).__name__.lower(), code.kl_weight) == (
        f"{prior}prior",
        0.03,
    )


def test_total_is_the_error_plus_the_weighted_parts():
    settings = config("pca_dense", 0.1, True, kl=0.03, contractive_method="exact")
    model = build_autoencoder(settings, (10,))
    model.compile(loss="mse")
    x = features("pca_dense")
    found = model.evaluate(x, x, verbose=0, return_dict=True)
    parts = feature_mse(model, x).mean() + 0.1 * found["contractive"]
    assert found["loss"] == pytest.approx(parts + 0.03 * found["kl"], rel=1e-5)


def test_mirror_images_are_averaged_where_they_were_trained_on():
    components = PrincipalComponents(3, (4, 4, 1))
    rows = np.random.default_rng(0).normal(size=(40, 4, 4, 1))
    rows = np.concatenate([rows, rows[:, ::-1]])
    rows = np.concatenate([rows, rows[:, :, ::-1]])
    components.set_basis(*fit_components([rows], 3))
    layers = mirror_layers(LensingConfig(), components)
    assert [layer.name for layer in layers] == [
        "reflect_y",
        "reflect_x",
        "reflect_both",
    ]
    assert not any(layer.trainable_weights for layer in layers)
    for without in (
        LensingConfig(model=Model(average_reflections=False)),
        LensingConfig(preprocessing=Preprocessing(flips=False)),
        LensingConfig(model=Model(kind="conv")),
    ):
        assert mirror_layers(without, components) == ()


class StopAt(keras.callbacks.Callback):
    """Interrupts after the first steps of the third epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("seconds", [0, 1000])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, seconds):
    settings = config("pca_dense", 0.1, True, kl=0.03)
    whole = fit_stage(stage(settings, 4), SETTINGS, seed=0)
    checkpoints = Checkpoints(tmp_path, "autoencoder")
    options = {"seed": 0, "checkpoints": checkpoints}
    # One step a call, so that the interrupt falls inside an epoch.
    train = TrainConfig(checkpoint_seconds=seconds, steps_per_execution=1)
    with pytest.raises(KeyboardInterrupt):
        fit_stage(stage(settings, 4), train, callbacks=[StopAt()], **options)
    assert checkpoints.state["epoch"] == 2
    resumed = fit_stage(stage(settings, 4), SETTINGS, **options)
    assert [r["loss"] for r in resumed] == pytest.approx(
        [r["loss"] for r in whole], rel=1e-5
    )


def test_settings_reach_the_variational_code():
    settings = config(variational=True, kl=0.5, kl_warmup_steps=7, free_bits=0.1)
    code = build_autoencoder(settings, (10,)).get_layer("code")
    assert (code.kl_weight, code.warmup_steps, code.free_bits) == (0.5, 7, 0.1)


@pytest.mark.parametrize("kind", SHAPES)
def test_consistency_adds_to_the_loss_and_leaves_the_encoder(kind):
    settings = config(kind, 0.1, consistency=0.5, consistency_noise=0.2)
    assert settings.objective.penalises
    keras.utils.set_random_seed(1)
    model = build_autoencoder(settings, SHAPES[kind])
    model.compile(loss="mse")
    x = features(kind)
    found = model.evaluate(x, x, verbose=0, return_dict=True)
    assert 0 < found["consistency"] < 1
    assert found["contractive"] > 0
    names = {type(layer).__name__ for layer in plain_encoder(model).layers}
    assert not {"ConsistentEncoder", "ContractiveEncoder"} & names

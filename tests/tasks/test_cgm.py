"""The spectra task: what trains, what the saved model gives, weights and decoders."""

import keras
import numpy as np
import pytest

from keras_astro.data.sample import MemorySource, Sample
from keras_astro.losses.challenge import latent_penalty
from keras_astro.tasks.catalog import config_class
from keras_astro.tasks.cgm import CgmTask, Prepared, build_autoencoder
from keras_astro.tasks.cgm_config import CgmConfig
from keras_astro.tasks.cgm_pixels import choose_pixels, read_observed


def prepared(sample, config, held=None):
    source = MemorySource(sample)
    active, chosen = choose_pixels(source, config.preprocessing)
    wavelength = sample.axes["wavelength_angstrom"]
    train = read_observed(source, active)
    held = read_observed(MemorySource(held or sample), active)
    return Prepared(wavelength, active, chosen, train, held)


def changed(sample, **inputs):
    return Sample(
        sample.schema, sample.inputs | inputs, sample.targets, axes=sample.axes
    )


def test_the_saved_model_reconstructs_flux_between_nothing_and_the_continuum(cgm_run):
    model = cgm_run.run.load_model()
    sample = cgm_run.parts.test.read()
    flux = sample.inputs["flux"]
    given = {
        "flux": flux,
        "ivar": np.ones_like(flux),
        "mask": np.zeros(flux.shape, "u1"),
    }
    out = model.predict(given, verbose=0)
    assert out["reconstruction"].shape == flux.shape
    assert out["reconstruction"].min() >= 0
    assert out["reconstruction"].max() <= 1
    mse = np.mean((out["reconstruction"] - flux) ** 2, axis=1)
    assert np.allclose(out["reconstruction_mse"], mse, rtol=1e-3, atol=1e-9)
    assert np.allclose(out["score"], out["reconstruction_mse"])
    mean = cgm_run.parts.train.read().inputs["flux"].mean(axis=0)
    assert mse.mean() < 0.3 * np.mean((mean - flux) ** 2)
    # No pixel that varies in the data is constant in the reconstructions.
    moving = np.ptp(flux, axis=0) > 0.5
    assert (np.ptp(out["reconstruction"], axis=0)[moving] > 0).all()


def test_masked_pixels_change_nothing_whatever_they_hold(cgm_run):
    model = cgm_run.run.load_model()
    flux = cgm_run.parts.test.read().inputs["flux"][:4]
    mask = np.zeros(flux.shape, "uint8")
    mask[:, 150:200] = 1
    spoilt = flux.copy()
    spoilt[:, 150:200] = np.nan
    ones = np.ones_like(flux)
    clean = model.predict({"flux": flux, "ivar": ones, "mask": mask}, verbose=0)
    other = model.predict({"flux": spoilt, "ivar": ones, "mask": mask * 0}, verbose=0)
    dropped = model.predict(
        {"flux": flux, "ivar": ones - mask, "mask": mask * 0}, verbose=0
    )
    for name in ("z", "score", "reconstruction"):
        assert np.array_equal(clean[name], other[name])
        assert np.array_equal(clean[name], dropped[name])


def test_weights_reach_the_loss_and_masked_training_pixels_do_not(cgm_run):
    sample = cgm_run.rows.read(0, 60)
    config = cgm_run.run.config
    plain = prepared(sample, config)
    assert plain.train.weight is None
    ivar = np.full(sample.inputs["flux"].shape, 4.0, "float32")
    ivar[:, ::7] = 0.0
    weighted = prepared(changed(sample, ivar=ivar), config)
    stage = next(CgmTask().stages(config, weighted))
    width = weighted.train.absorption.shape[1]
    assert stage.targets.shape[1] == 2 * width
    assert stage.targets[:, width:].mean() == pytest.approx(1.0, rel=1e-5)
    zero = weighted.train.weight == 0
    assert zero.any()
    assert (weighted.train.absorption[zero] == 0).all()
    assert (weighted.train.counted == (ivar > 0).sum(axis=1)).all()


def test_all_rows_masked_is_one_error(cgm_run, refused):
    from keras_astro.errors import DataError

    sample = cgm_run.rows.read(0, 10)
    blank = changed(sample, mask=np.ones(sample.inputs["flux"].shape, "uint8"))
    with refused(DataError, "masked", hint="mask"):
        choose_pixels(MemorySource(blank), cgm_run.run.config.preprocessing)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": {"decoder": "dense"}},
        {"model": {"decoder": "shift", "variational": True}},
        {"model": {"decoder": "shift"}, "objective": {"contractive": 0.01}},
        {"model": {"decoder": "voigt"}, "system": {"lines": ["H I 1215"]}},
        {"model": {"decoder": "shift", "latent_dim": 1}},
    ],
)
def test_every_kind_of_model_starts_at_the_continuum_and_learns(cgm_run, settings):
    config = CgmConfig.model_validate(settings)
    config = config.model_copy(
        update={
            "model": config.model.model_copy(
                update={"hidden": (16,), "decoder_hidden": (16,)}
            )
        }
    )
    ready = prepared(cgm_run.rows.read(0, 64), config)
    stage = next(CgmTask().stages(config, ready))
    stage.model.compile(keras.optimizers.Adam(3e-3), loss=stage.loss, jit_compile=False)
    losses = stage.model.fit(stage.inputs, stage.targets, epochs=3, verbose=0).history
    assert np.isfinite(losses["loss"]).all()
    assert losses["loss"][-1] < losses["loss"][0]
    drawn = stage.model.predict(stage.inputs[:3], verbose=0)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_objective_is_the_challenge_loss_of_refined_validation_rows(cgm_run):
    config = cgm_run.run.config
    few = config.refinement.model_copy(update={"steps": 3})
    config = config.model_copy(update={"refinement": few})
    ready = prepared(
        cgm_run.parts.train.read(), config, cgm_run.parts.validation.read()
    )
    model = build_autoencoder(config, ready)
    found = CgmTask().objective(config, ready, {"autoencoder": model})
    assert found["penalty"] == latent_penalty(3)
    assert found["objective"] == pytest.approx(found["mse_refined"] + latent_penalty(3))
    assert found["mse_refined"] < found["mse_amortised"]
    z = model.get_layer("encoder").predict(ready.validation.absorption, verbose=0)
    drawn = model.get_layer("decoder").predict(z, verbose=0)
    whole = 1 - np.asarray(ready.active(drawn, inverse=True))
    flux = cgm_run.parts.validation.read().inputs["flux"]
    assert found["mse_amortised"] == pytest.approx(
        np.mean((whole - flux) ** 2), rel=1e-3
    )


def test_flags_of_the_command_line_have_their_settings():
    config = config_class("cgm")(task="cgm")
    assert config.model.variational is False
    assert config.objective.contractive == 0

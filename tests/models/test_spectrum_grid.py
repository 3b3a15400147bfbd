"""Grids of spectra with smooth parts, models on them, and codes that are free."""

import keras
import numpy as np
import pytest

from keras_astro.models.spectra import shift_decoder, shift_encoder
from keras_astro.models.spectrum_grid import SpectrumGrid
from keras_astro.tasks.base import Stage
from keras_astro.tasks.cgm_codes import free_codes_stage

RNG = np.random.default_rng(0)
WAVELENGTH = 1000.0 * np.exp(np.arange(400) * 6.0 / 299792.458)


@pytest.fixture(scope="module")
def rows():
    """An edge that fills 256 pixels and a line in others, both with noise."""
    depth = RNG.uniform(0, 1, (300, 1))
    line = np.exp(-0.5 * ((np.arange(144) - 70) / 2.0) ** 2)
    clean = np.concatenate([np.repeat(depth, 256, 1), (1 - depth) * line], axis=1)
    return (clean + 0.03 * RNG.normal(size=clean.shape)).astype("float32")


@pytest.fixture(scope="module")
def grid(rows):
    plain = SpectrumGrid.of(WAVELENGTH, np.arange(400))
    return plain.smoothed(rows, lost_variance=1e-3)


def test_an_edge_is_smooth_and_a_line_is_not(grid):
    assert grid.smooth[:250].mean() > 0.75
    # The line is 12 pixels wide.
    assert not grid.smooth[256 + 64 : 256 + 77].any()


def test_nothing_is_smooth_in_rows_of_lines_alone(rows):
    plain = SpectrumGrid.of(WAVELENGTH[:64], np.arange(64))
    found = plain.smoothed(rows[:, 256 + 40 : 256 + 104], lost_variance=2e-4)
    assert not found.smooth.any()


def test_means_cover_each_pixel_once_and_no_run_twice(grid):
    chosen = np.r_[0:90, 95:400]
    broken = SpectrumGrid(
        WAVELENGTH[chosen], (chosen > 92).astype(int), grid.smooth[5:]
    )
    seen = np.zeros(395, int)
    for kind in (broken.smooth, ~broken.smooth):
        first, count = broken.blocks(kind, 60.0)
        for start, size in zip(first, count, strict=True):
            seen[start : start + size] += 1
            assert np.ptp(broken.runs[start : start + size]) == 0
            assert np.ptp(broken.wavelength[start : start + size]) < 1000 * 60 / 2.9e5
    assert (seen == 1).all()


def test_encoders_look_at_means(grid, rows):
    encoder = shift_encoder(grid, 3, hidden=(16,), step_kms=12.0)
    plain = shift_encoder(
        SpectrumGrid.of(WAVELENGTH, np.arange(400)), 3, hidden=(16,), step_kms=6.0
    )
    assert encoder.count_params() < 0.5 * plain.count_params()
    layer = encoder.get_layer("smooth_means")
    first, count = grid.blocks(grid.smooth, 500.0)
    wanted = [
        rows[:, i : i + n].mean(axis=1) for i, n in zip(first, count, strict=True)
    ]
    assert np.allclose(layer(rows), np.transpose(wanted), atol=1e-5)


def test_decoders_put_smooth_pixels_back_among_the_others(grid, tmp_path):
    decoder = shift_decoder(grid, 3, hidden=(16,), step_kms=12.0)
    for name, depth in (("depths", -6.0), ("depths_smooth", 2.0)):
        kernel, bias = decoder.get_layer(name).get_weights()
        decoder.get_layer(name).set_weights([0 * kernel, 0 * bias + depth])
    lost = decoder.predict(np.ones((2, 3)), verbose=0)
    wanted = 1 / (1 + np.exp(np.where(grid.smooth, -2.0, 6.0)))
    assert np.allclose(lost, wanted, atol=1e-6)
    decoder.save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras")
    assert np.array_equal(again.predict(np.ones((2, 3)), verbose=0), lost)


def test_free_codes_fit_rows_that_an_encoder_takes_for_one_another():
    inputs = keras.Input((4,))
    outputs = keras.layers.Dense(2)(inputs)
    decoder = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(4)], name="decoder"
    )
    encoder = keras.Model(inputs, outputs)
    model = keras.Model(inputs, decoder(outputs))
    encoder.layers[-1].set_weights([np.zeros((4, 2)), np.zeros(2)])
    x = RNG.normal(size=(40, 2)) @ decoder.get_weights()[0]
    first = Stage("first", model, x, None, (x[:8], x[:8]), "mse", 1, 8, 0.02)
    stage = free_codes_stage(first, encoder, epochs=40)
    stage.model.compile(
        keras.optimizers.Adam(stage.learning_rate), "mse", jit_compile=False
    )
    loss = stage.model.fit(
        stage.inputs,
        stage.targets,
        validation_data=stage.validation,
        epochs=stage.epochs,
        batch_size=stage.batch_size,
        verbose=0,
    ).history
    assert loss["loss"][-1] < 0.02 * loss["loss"][0]
    # Rows that were not trained on keep the one code that the encoder has for all.
    assert loss["val_loss"][-1] > 0.5 * loss["val_loss"][0]

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from keras_astro.errors import ConfigError
from keras_astro.layers.nuisances import (
    LIGHT_KM_PER_S,
    PixelNoise,
    PsfBlur,
    SubpixelShift,
    VelocityShift,
    blurred,
    shifted,
)


def gaussian_image(y, x, sigma, side=25):
    rows, columns = np.mgrid[:side, :side]
    image = np.exp(-0.5 * ((rows - y) ** 2 + (columns - x) ** 2) / sigma**2)
    return (image / (2 * np.pi * sigma**2)).astype("float32")[None, :, :, None]


def test_noise_has_its_sd_on_each_pixel():
    layer = PixelNoise([0.5, 2.0], seed=0)
    x = np.tile(np.float32([[1.0, -1.0]]), (20000, 1))
    change = np.asarray(layer(x, training=True)) - x
    np.testing.assert_allclose(change.std(axis=0), [0.5, 2.0], rtol=0.03)
    np.testing.assert_allclose(change.mean(axis=0), 0.0, atol=0.06)


def test_shift_of_a_quadratic_is_exact_away_from_the_edges():
    rows, columns = np.mgrid[:12, :10].astype("float32")
    dy, dx = 0.3, -0.45

    def polynomial(y, x):
        return 0.5 * y**2 - 0.2 * x**2 + 0.1 * x * y + x - 3

    image = polynomial(rows, columns)[None, :, :, None]
    moved = shifted(tf.constant(image), tf.constant([[dy, dx]]))[0, :, :, 0]
    wanted = polynomial(rows - dy, columns - dx)
    np.testing.assert_allclose(moved[2:-2, 2:-2], wanted[2:-2, 2:-2], atol=2e-4)


def test_shift_moves_a_source_and_keeps_its_flux():
    image = gaussian_image(12, 12, 2.0)
    shift = np.float32([[0.5, -1.25]])
    moved = shifted(tf.constant(image), tf.constant(shift))
    wanted = gaussian_image(12.5, 10.75, 2.0)
    # Bilinear interpolation would be wrong by 3 %.
    assert np.abs(moved - wanted).max() < 0.01 * wanted.max()
    assert float(tf.reduce_sum(moved)) == pytest.approx(1.0, abs=1e-3)
    # A whole pixel is no interpolation at all.
    whole = shifted(tf.constant(image), tf.constant([[1.0, 0.0]]))
    np.testing.assert_allclose(whole[:, 1:], image[:, :-1], atol=1e-7)


def test_blur_adds_variances():
    image = gaussian_image(12, 12, 2.0)
    soft = blurred(tf.constant(image), tf.constant([1.5]))
    np.testing.assert_allclose(soft, gaussian_image(12, 12, 2.5), atol=1e-5)


def test_blur_agrees_with_scipy_and_none_is_none():
    image = np.random.default_rng(0).normal(size=(1, 16, 18, 2)).astype("float32")
    image = np.pad(image, ((0, 0), (9, 9), (9, 9), (0, 0)))
    soft = blurred(tf.constant(image), tf.constant([1.3]))
    wanted = gaussian_filter(image, (0, 1.3, 1.3, 0), mode="constant", truncate=8)
    np.testing.assert_allclose(soft, wanted, atol=2e-5)
    same = blurred(tf.constant(image), tf.constant([0.0]))
    np.testing.assert_array_equal(same, image)


def line(wavelength, centre, width):
    return 1 - 0.6 * np.exp(-0.5 * ((wavelength - centre) / width) ** 2)


@pytest.mark.parametrize("velocity", [-45.0, 0.0, 30.0])
@pytest.mark.parametrize("kind", ["log", "linear", "uneven"])
def test_velocity_moves_a_line_as_the_doppler_effect_does(velocity, kind):
    if kind == "log":
        step = 2e-5
        wavelength = 8800 * np.exp(step * np.arange(400))
        layer = VelocityShift(50.0, log_step=step)
    else:
        power = 1.0 if kind == "linear" else 1.4
        wavelength = 8800 + 70 * np.linspace(0, 1, 400) ** power
        layer = VelocityShift(50.0, wavelength=wavelength)
    beta = velocity / LIGHT_KM_PER_S
    rest = line(wavelength, 8835.0, 1.2)[None].astype("float32")
    seen = layer.doppler(tf.constant(rest), tf.constant([velocity]))
    wanted = line(wavelength / (1 + beta), 8835.0, 1.2)
    np.testing.assert_allclose(seen[0], wanted, atol=1e-3)
    assert np.abs(rest[0] - wanted).max() > 0.2 or velocity == 0


def test_channels_shift_together():
    layer = VelocityShift(50.0, log_step=1e-4)
    flux = np.random.default_rng(0).normal(size=(3, 20, 2)).astype("float32")
    velocity = tf.constant([5.0, -20.0, 40.0])
    both = layer.doppler(tf.constant(flux), velocity)
    for channel in range(2):
        one = layer.doppler(tf.constant(flux[:, :, channel]), velocity)
        np.testing.assert_array_equal(both[:, :, channel], one)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda size: PixelNoise(size, seed=3), (4, 6)),
        (lambda size: SubpixelShift(size, seed=3), (4, 8, 8, 1)),
        (lambda size: PsfBlur(size, seed=3), (4, 8, 8, 1)),
        (lambda size: VelocityShift(60 * size, log_step=1e-4, seed=3), (4, 9)),
    ],
)
def test_draws_are_seeded_differ_by_row_and_vanish_at_inference(make, shape):
    row = np.random.default_rng(0).normal(size=shape[1:]).astype("float32")
    x = np.broadcast_to(row, shape)
    first, again = (np.asarray(make(1.0)(x, training=True)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 1e-3
    layer = make(1.0)
    steps = [np.asarray(layer(x, training=True)) for _ in range(2)]
    assert np.abs(steps[0] - steps[1]).max() > 1e-3
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_allclose(make(0.0)(x, training=True), x, atol=1e-6)


def test_state_of_the_draws_is_saved(tmp_path):
    inputs = keras.Input((6,))
    model = keras.Model(inputs, PixelNoise(1.0, seed=1)(inputs))
    x = np.zeros((2, 6), "float32")
    model(x, training=True)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded(x, training=True), model(x, training=True))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PixelNoise(-1.0), "0 or more"),
        (lambda: VelocityShift(1.0), "one of them, received neither"),
        (lambda: VelocityShift(1.0, log_step=1e-4, wavelength=[1, 2]), "received both"),
        (lambda: VelocityShift(1.0, log_step=-1e-4), "must rise.* -0.0001"),
        (lambda: VelocityShift(1.0, wavelength=[3.0, 2.0]), "must rise"),
    ],
)
def test_unfit_options_are_refused(make, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make()
    assert caught.value.hint

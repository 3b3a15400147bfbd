"""Stamps to frames: masking, statistics of the sky, symmetries."""

import keras
import numpy as np
import pytest

from keras_astro.errors import ConfigError
from keras_astro.models.alert_networks import alert_stem, halved
from keras_astro.preprocessing.stamps import (
    RandomTurns,
    ScaleStamps,
    SkyStatistics,
    StampScale,
    StretchStamps,
    ValidPixels,
    clipped_statistics,
    turned,
)


def sky(rows=3, side=63, seed=0):
    rng = np.random.default_rng(seed)
    stamps = rng.normal(0, 5, (rows, side, side, 3)).astype("float32")
    stamps[..., :2] += 150
    return stamps


def test_what_is_no_measurement_is_masked():
    bad = np.array([np.nan, np.inf, -np.inf, 3.4e38, 7.0], "float32")
    values, valid = ValidPixels()(bad.reshape(1, 1, 5, 1))
    assert np.asarray(values).ravel().tolist() == [0, 0, 0, 0, 7]
    assert np.asarray(valid).ravel().tolist() == [0, 0, 0, 0, 1]


def test_statistics_are_those_of_the_sky_and_not_of_the_stars():
    stamps = sky()
    stamps[:, 10:18, 30:38] += 4000
    stamps[:, :15] = 0
    valid = np.ones_like(stamps)
    valid[:, :15] = 0
    mean, sd = map(np.asarray, clipped_statistics(stamps, valid))
    np.testing.assert_allclose(mean[:, 0, 0, 0], 150, atol=1.0)
    np.testing.assert_allclose(sd, 5, rtol=0.08)


def test_a_stamp_without_data_gives_finite_numbers():
    stem = alert_stem((63, 63, 3), pixels=21, normalise="asinh", context=True)
    stamp = np.full((1, 63, 63, 3), np.nan, "float32")
    frame, measures = stem.predict_on_batch(stamp)
    np.testing.assert_array_equal(frame, np.zeros((1, 21, 21, 6)))
    assert np.isfinite(measures).all()


@pytest.mark.parametrize("normalise", ["asinh", "minmax", "l2"])
@pytest.mark.parametrize("pixels", [21, 33, 63])
def test_frames_ignore_the_unit_and_masked_pixels(normalise, pixels):
    stem = alert_stem((63, 63, 3), pixels=pixels, normalise=normalise, context=False)
    stamps = sky()
    stamps[:, :4] = np.nan
    stamps[0, 40, 40] = 1e38
    frame, measures = stem.predict_on_batch(stamps)
    assert frame.shape == (3, pixels, pixels, 3)
    assert np.isfinite(frame).all()
    again = stem.predict_on_batch(3 * stamps)
    np.testing.assert_allclose(again[0], frame, atol=2e-4)
    np.testing.assert_allclose(again[1], measures, atol=2e-3)
    if normalise == "minmax":
        assert frame.min() >= 0
        assert frame.max() <= 1


def test_a_mean_on_the_scale_is_the_mean_of_the_scaled():
    stamps = sky()
    stamps[:, 5:9] = np.nan
    pair = ValidPixels()(stamps)
    scale = StampScale("asinh")([*pair, *SkyStatistics()(pair)])
    one = np.asarray(ScaleStamps()([*pair, *scale]))
    binned = [keras.ops.average_pool(tensor, 3, 3) for tensor in pair]
    mean = np.asarray(ScaleStamps()([*binned, *scale]))
    wanted = one.reshape(3, 21, 3, 21, 3, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(mean, wanted, atol=1e-4)
    np.testing.assert_array_equal(one[:, 5:9], 0.0)


def test_asinh_keeps_the_ratio_of_science_to_template():
    stamps = sky()
    stamps[:, 31, 31, 0] += 4000
    stamps[:, 31, 31, 1] += 2000
    pair = ValidPixels()(stamps)
    scale = StampScale("asinh")([*pair, *SkyStatistics()(pair)])
    linear = np.asarray(ScaleStamps()([*pair, *scale]))
    ratio = linear[:, 31, 31, 0] / linear[:, 31, 31, 1]
    np.testing.assert_allclose(ratio, 2.0, rtol=0.02)


def test_the_stretch_is_an_inverse_hyperbolic_sine():
    x = np.linspace(-300, 300, 41).astype("float32")
    found = np.asarray(StretchStamps(3.0)(x[None]))[0]
    np.testing.assert_allclose(found, np.arcsinh(x / 3) / 3, atol=1e-5)


def test_turns_are_the_eight_symmetries_of_a_square():
    image = np.arange(9, dtype="float32").reshape(1, 3, 3, 1)
    found = {tuple(np.asarray(turned(image, n)).ravel()) for n in range(8)}
    plain = image[0, ..., 0]
    quarters = [np.rot90(p, n) for p in (plain, plain[:, ::-1]) for n in range(4)]
    assert found == {tuple(q.ravel()) for q in quarters}


def test_random_turns_happen_in_training_alone():
    layer = RandomTurns(seed=1)
    images = sky(rows=40, side=5)
    np.testing.assert_array_equal(np.asarray(layer(images)), images)
    once = np.asarray(layer(images, training=True))
    again = np.asarray(layer(images, training=True))
    assert not np.array_equal(once, again)
    for before, after in zip(images, once, strict=True):
        every = [np.asarray(turned(before[None], n))[0] for n in range(8)]
        assert any(np.array_equal(after, candidate) for candidate in every)


def test_mistakes_are_told(refused):
    with refused(ConfigError, "normalise = zscore"):
        StampScale("zscore")
    with refused(ConfigError, "context", hint="context=false"):
        alert_stem((30, 30, 3), pixels=21, normalise="asinh", context=True)
    with refused(ConfigError, "crop_pixels = 33"):
        alert_stem((30, 30, 3), pixels=33, normalise="asinh", context=False)
    assert halved(63, 3) == [63, 32, 16, 8]


def test_the_stem_survives_saving(tmp_path):
    stem = alert_stem((63, 63, 3), pixels=21, normalise="asinh", context=True)
    stem.save(tmp_path / "stem.keras")
    again = keras.saving.load_model(tmp_path / "stem.keras")
    stamps = sky()
    found, wanted = (model.predict_on_batch(stamps) for model in (again, stem))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)

"""Measures of stamps: what they are of a drawn star, and what they do not depend on."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_astro.models.alert_networks import alert_stem
from keras_astro.preprocessing.stamp_measures import (
    MEASURES,
    StampMeasures,
    radius_map,
)
from keras_astro.preprocessing.stamps import SkyStatistics, ValidPixels, turned

TEMPLATE = 1


def stars(side=63, *, light=(900.0, 300.0, 600.0), sigma=1.2):
    """One stamp of a Gaussian star on the middle pixel of each image, no noise."""
    middle = (side - 1) // 2
    y, x = np.mgrid[:side, :side] - middle
    profile = np.exp(-0.5 * (y**2 + x**2) / sigma**2)
    profile /= profile.sum()
    return (profile[..., None] * np.array(light))[None].astype("float32")


def measured(stamps, *, valid=None, sky=0.0, noise=(5.0, 1.0, 5.0)):
    """Measures of stamps over a known sky, `(row, measure)`."""
    shape = (len(stamps), 1, 1, 3)
    valid = np.ones_like(stamps) if valid is None else valid
    level = np.full(shape, sky, "float32")
    scatter = np.broadcast_to(np.array(noise, "float32"), shape)
    return np.asarray(StampMeasures()([stamps + sky, valid, level, scatter]))


@pytest.mark.parametrize("side", [21, 30, 63])
def test_stamps_of_all_sizes_have_the_same_columns(side):
    found = measured(stars(side))
    assert found.shape == (1, MEASURES)
    assert np.isfinite(found).all()


def test_light_of_discs_is_in_units_of_its_noise():
    found = measured(stars())[0]
    # Of each radius the three images in the noise of the difference, and the template
    # in its own.
    for i, reach in enumerate((1.5, 2.5, 4.0, 6.0)):
        pixels = np.sum(radius_map(63) <= reach)
        light = stars()[0][radius_map(63) <= reach].sum(axis=0)
        wanted = np.arcsinh(light / np.sqrt(pixels) / 5.0)
        np.testing.assert_allclose(found[4 * i : 4 * i + 3], wanted, rtol=1e-5)
        own = np.arcsinh(light[TEMPLATE] / np.sqrt(pixels) / 1.0)
        np.testing.assert_allclose(found[4 * i + 3], own, rtol=1e-5)


def test_shape_is_that_of_the_star():
    found = measured(stars())[0]
    offset, size, ellipticity, _ = found[30:42].reshape(4, 3)
    np.testing.assert_allclose(offset, 0.0, atol=1e-4)
    # Light beyond four pixels, 0.4 per cent, is cut.
    np.testing.assert_allclose(size, 1.2 * np.sqrt(2), rtol=0.03)
    np.testing.assert_allclose(ellipticity, 0.0, atol=1e-3)
    moved = np.roll(stars(), 1, axis=2)
    # Of a star beside the middle more is cut, which pulls it back by 4 per cent.
    np.testing.assert_allclose(measured(moved)[0, 30:33], 1.0, rtol=0.05)


def test_a_faint_host_shows_in_the_templates_own_noise():
    faint = stars(light=(0.0, 16.0, 0.0))
    found = measured(faint)[0]
    light, own = np.sinh(found[1]), np.sinh(found[3])
    assert own / light == pytest.approx(5.0, rel=1e-4)
    assert own > 3 > light


def test_neighbours_are_counted_and_their_distance_is_told():
    stamp = stars()
    lone = measured(stamp)[0, 51:].reshape(4, 3)
    for y, x in ((31, 43), (13, 31)):
        stamp[:, y - 1 : y + 2, x - 1 : x + 2] += 400.0
    found = measured(stamp)[0, 51:].reshape(4, 3)
    bright, peaks, nearest, following = found
    np.testing.assert_allclose(np.expm1(peaks), 3.0, rtol=1e-5)
    np.testing.assert_allclose(np.expm1(lone[1]), 1.0, rtol=1e-5)
    assert (bright > lone[0]).all()
    np.testing.assert_allclose(nearest, 0.0, atol=1e-5)
    np.testing.assert_allclose(following, 12.0, atol=1e-5)
    np.testing.assert_allclose(lone[3], 45.0, rtol=1e-5)


@pytest.mark.parametrize("side", [21, 31, 63])
def test_no_measure_depends_on_orientation_sky_or_unit(side):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 5, (2, side, side, 3)).astype("float32")
    stamps = 5 * stars(side) + noise
    plain = measured(stamps)
    for number in range(1, 8):
        again = measured(np.asarray(turned(stamps, number)))
        np.testing.assert_allclose(again, plain, atol=2e-3)
    np.testing.assert_allclose(measured(stamps, sky=150.0), plain, atol=5e-3)
    other = measured(4 * stamps, noise=(20.0, 4.0, 20.0))
    np.testing.assert_allclose(other, plain, atol=2e-3)


def test_a_source_on_the_middle_pixel_of_an_even_stamp_is_in_the_middle():
    odd, even = (measured(stars(side))[0] for side in (31, 30))
    np.testing.assert_allclose(even, odd, atol=2e-3)


def test_light_of_masked_pixels_is_neither_signal_nor_noise():
    stamps = np.full((1, 63, 63, 3), 2.0, "float32")
    valid = np.ones_like(stamps)
    valid[:, :, 34:] = 0
    hidden = measured(stamps * valid, valid=valid)[0]
    # In a ring the ratio to the noise grows as the root of what is known.
    ring = (radius_map(63) > 9) & (radius_map(63) <= 14)
    known = ring & (valid[0, ..., 0] > 0)
    for pixels, found in ((ring, measured(stamps)[0]), (known, hidden)):
        wanted = np.arcsinh(2.0 * np.sqrt(pixels.sum()) / 5.0)
        assert found[25] == pytest.approx(wanted, rel=1e-5)


def test_masked_pixels_count_as_sky_in_shape_levels_and_neighbours():
    stamps, valid = stars(), np.ones((1, 63, 63, 3), "float32")
    valid[:, :29] = 0
    hidden = np.where(valid > 0, stamps + 150, 0)
    sky, noise = (np.full((1, 1, 1, 3), x, "float32") for x in (150.0, 1.0))
    found = np.asarray(StampMeasures()([hidden, valid, sky, noise]))
    wanted = measured(stamps * valid, noise=(1.0, 1.0, 1.0))
    np.testing.assert_allclose(found[:, 30:], wanted[:, 30:], atol=5e-3)


def test_a_missing_template_leaves_no_unit_behind():
    stamps = 50 * stars()
    stamps[..., TEMPLATE] = np.nan
    stem = alert_stem((63, 63, 3), pixels=21, normalise="asinh", context=True)
    rng = np.random.default_rng(1)
    stamps = stamps + rng.normal(0, 5, stamps.shape).astype("float32")
    found, other = (stem.predict_on_batch(x * stamps)[1] for x in (1.0, 1000.0))
    np.testing.assert_allclose(other, found, atol=5e-3)


def test_weights_of_eight_bits_leave_measures_as_they_are():
    inputs = keras.Input((63, 63, 3))
    pair = ValidPixels()(inputs)
    measures = StampMeasures()([*pair, *SkyStatistics()(pair)])
    model = keras.Model(inputs, measures)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    interpreter = Interpreter(model_content=converter.convert())
    rng = np.random.default_rng(2)
    stamp = 30 * stars() + rng.normal(150, 5, (1, 63, 63, 3)).astype("float32")
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], stamp)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, model.predict_on_batch(stamp), atol=0.02)

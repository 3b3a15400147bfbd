"""Measures of stamps: what they are of a drawn star, and what they do not depend on."""

import numpy as np
import pytest

from keras_astro.preprocessing.stamp_measures import (
    MEASURES,
    StampMeasures,
    radius_map,
)
from keras_astro.preprocessing.stamps import turned

TEMPLATE = 1


def stars(side=63, *, light=(900.0, 300.0, 600.0), sigma=1.2):
    """One stamp of a Gaussian star in the middle of each image, without noise."""
    profile = np.exp(-0.5 * (radius_map(side) / sigma) ** 2)
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


def test_no_measure_depends_on_orientation_sky_or_unit():
    rng = np.random.default_rng(0)
    stamps = 5 * stars() + rng.normal(0, 5, (2, 63, 63, 3)).astype("float32")
    plain = measured(stamps)
    for number in range(1, 8):
        again = measured(np.asarray(turned(stamps, number)))
        np.testing.assert_allclose(again, plain, atol=2e-3)
    np.testing.assert_allclose(measured(stamps, sky=150.0), plain, atol=5e-3)
    other = measured(4 * stamps, noise=(20.0, 4.0, 20.0))
    np.testing.assert_allclose(other, plain, atol=2e-3)


def test_masked_pixels_count_as_sky():
    stamps, valid = stars(), np.ones((1, 63, 63, 3), "float32")
    valid[:, :20] = 0
    hidden = np.where(valid > 0, stamps + 150, 0)
    shape = (1, 1, 1, 3)
    sky, noise = np.full(shape, 150.0, "float32"), np.ones(shape, "float32")
    found = np.asarray(StampMeasures()([hidden, valid, sky, noise]))
    wanted = measured(stamps, noise=(1.0, 1.0, 1.0))
    np.testing.assert_allclose(found, wanted, atol=5e-3)

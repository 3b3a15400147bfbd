import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import gammaincinv

from keras_astro.simulate.lens_camera import (
    GAUSSIAN_FWHM,
    add_noise,
    blur,
    jpeg_round_trip,
    moffat_kernel,
)
from keras_astro.simulate.lens_light import sersic, sersic_b

AXIS = (np.arange(150) - 74.5) * 0.05
SHAPES = [(0.8, 0.0, 0.0), (1.2, 0.2, 0.0), (1.6, 0.1, -0.25), (4.0, -0.3, 0.2)]


@pytest.mark.parametrize("n", [0.5, 1.0, 1.5, 2.5, 4.0])
def test_half_of_the_light_is_inside_the_effective_radius(n):
    tolerance = 3e-4 if n < 1 else 5e-5
    assert sersic_b(n) == pytest.approx(gammaincinv(2 * n, 0.5), abs=tolerance)


@pytest.mark.parametrize(("n", "e1", "e2"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sersic_against_lenstronomy(n, e1, e2, dtype):
    light_model = pytest.importorskip("lenstronomy.LightModel.light_model")
    rough = 1.9992 * n - 0.3271
    # lenstronomy's b is linear in n; these make up for it to give the same profile.
    arguments = {
        "amp": 0.7 * np.exp(sersic_b(n) - rough),
        "R_sersic": 0.4 * (rough / sersic_b(n)) ** n,
        "n_sersic": n,
        "e1": e1,
        "e2": e2,
    }
    x, y = np.meshgrid(AXIS, AXIS)
    model = light_model.LightModel(["SERSIC_ELLIPSE"])
    expected = model.surface_brightness(x.ravel(), y.ravel(), [arguments])
    numbers = {"amplitude": 0.7, "radius": 0.4, "n": n, "e1": e1, "e2": e2}
    arrays = {k: np.asarray(v, dtype) for k, v in numbers.items()}
    ours = sersic(AXIS.astype(dtype), AXIS.astype(dtype)[:, None], **arrays)
    error = np.abs(ours.ravel() / expected - 1).max()
    assert error < 1e-4, f"largest relative difference {error:.1e}"
    assert ours.dtype == dtype


def test_sersic_normalisation():
    one = {"amplitude": 2.5, "radius": 0.5, "n": 1.3, "e1": 0.2, "e2": 0.1}
    # On the ellipse of geometric mean radius 0.5 the brightness is the amplitude.
    q = (1 - np.hypot(0.2, 0.1)) / (1 + np.hypot(0.2, 0.1))
    angle = 0.5 * np.arctan2(0.1, 0.2)
    x, y = 0.5 / np.sqrt(q) * np.cos(angle), 0.5 / np.sqrt(q) * np.sin(angle)
    assert sersic(x, y, **one) == pytest.approx(2.5)


@pytest.mark.parametrize("beta", [0.0, 3.0])
@pytest.mark.parametrize("side", [64, 75])
def test_blur_conserves_flux(beta, side):
    images = np.zeros((2, side, side), "float32")
    images[0, side // 2, side // 2] = 1.0
    images[1, 28:36, 27:35] = np.random.default_rng(0).random((8, 8))
    blurred = blur(images, fwhm_pixels=2.4, beta=beta)
    # The wings of a Moffat profile reach beyond the image.
    tolerance = 2e-3 if beta else 1e-6
    flux = images.sum(axis=(1, 2))
    np.testing.assert_allclose(blurred.sum(axis=(1, 2)), flux, rtol=tolerance)
    assert blurred.max() < images.max()
    peak = np.unravel_index(blurred[0].argmax(), blurred[0].shape)
    assert peak == (side // 2, side // 2)


@pytest.mark.parametrize(("side", "fwhm"), [(150, 2.36), (64, 1.5), (49, 20.0)])
def test_gaussian_blur_against_scipy(side, fwhm):
    image = np.random.default_rng(1).random((1, side, side)).astype("float32")
    expected = gaussian_filter(
        image[0].astype(float), fwhm / GAUSSIAN_FWHM, mode="nearest", truncate=5.0
    )
    np.testing.assert_allclose(blur(image, fwhm_pixels=fwhm)[0], expected, atol=2e-6)


def test_moffat_width():
    kernel = moffat_kernel(101, fwhm_pixels=10.0, beta=2.5)
    assert kernel[50, 55] == pytest.approx(kernel[50, 50] / 2, rel=1e-4)


def test_noise_has_the_stated_mean_and_variance():
    image = np.full((40, 100, 100), 3.0, "float32")
    image[:, :50] = 6.0
    noisy = add_noise(
        image, np.random.default_rng(2), peak_counts=500.0, background_rms=0.02
    )
    for half, level in ((noisy[:, :50], 1.0), (noisy[:, 50:], 0.5)):
        variance = level / 500.0 + 0.02**2
        n = half.size
        assert half.mean() == pytest.approx(level, abs=5 * np.sqrt(variance / n))
        assert half.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / n))


def test_without_photon_noise_only_the_background_is_noisy():
    image = np.ones((10, 100, 100), "float32")
    noisy = add_noise(
        image, np.random.default_rng(3), peak_counts=0.0, background_rms=0.01
    )
    assert noisy.std() == pytest.approx(0.01, rel=0.02)
    exact = add_noise(
        image, np.random.default_rng(3), peak_counts=0.0, background_rms=0.0
    )
    assert (exact == 1.0).all()


def test_jpeg_gives_eight_bit_levels_close_to_the_image():
    y, x = np.indices((64, 64)) - 31.5
    image = np.exp(-(x**2 + y**2) / 200)[None].astype("float32")
    stored = jpeg_round_trip(image, quality=90)
    assert stored.dtype == "float32"
    assert np.array_equal(stored, stored.astype("uint8"))
    scaled = 255 * (image - image.min()) / np.ptp(image)
    assert np.abs(stored - scaled).max() < 8

"""From a scene to science, template and difference images as a survey makes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_astro.simulate.alert_config import Camera
from keras_astro.simulate.alert_profiles import (
    SIDE,
    Scene,
    image,
    pixel_psf_transform,
    psf_transform,
    scene_transform,
    shifted,
)


@dataclass
class Exposure:
    """What the sky and the telescope did in one alert.

    Args:
        zero_point_mag: Magnitude of 1 DN.
        background_dn: Sky level of both images.
        noise_dn: Sd of a science pixel of empty sky.
        template_noise_dn: The same of the template.
        science_fwhm: Seeing in pixels.
        template_fwhm: The same of the template.
        offset: Misregistration of the template, `x, y` in pixels.
        mismatch: Relative error of the seeing assumed in the subtraction.
        saturation_dn: Level at which cores are cut.
        flat_error: Relative error of a pixel, as of resampling and flat fields.
    """

    zero_point_mag: float
    background_dn: float
    noise_dn: float
    template_noise_dn: float
    science_fwhm: float
    template_fwhm: float
    offset: tuple[float, float]
    mismatch: float
    saturation_dn: float
    flat_error: float = 0.004

    def flux(self, mag: float) -> float:
        """DN of a magnitude."""
        return 10 ** (0.4 * (self.zero_point_mag - mag))

    @property
    def limit_mag(self) -> float:
        """Five-sigma limit of a point source in the difference image."""
        area = 2.7 * self.science_fwhm**2
        noise = np.hypot(self.noise_dn, self.template_noise_dn) * np.sqrt(area)
        return float(self.zero_point_mag - 2.5 * np.log10(5 * noise))


def draw_exposure(camera: Camera, rng: np.random.Generator) -> Exposure:
    """Draws seeing, sky, depth and alignment."""
    background = camera.background_dn[0] * np.exp(
        camera.background_dn[1] * rng.normal()
    )
    # Read noise of about 10 electrons.
    sky = np.sqrt(background / camera.gain_electrons + 1.6**2)
    noise = sky * rng.uniform(*camera.excess_noise)

    def seeing(prior):
        return float(np.clip(prior[0] * np.exp(prior[1] * rng.normal()), 1.3, 5.0))

    return Exposure(
        zero_point_mag=rng.normal(*camera.zero_point_mag),
        background_dn=background,
        noise_dn=noise,
        template_noise_dn=noise * rng.uniform(*camera.template_noise),
        science_fwhm=seeing(camera.science_fwhm_pixels),
        template_fwhm=seeing(camera.template_fwhm_pixels),
        offset=tuple(rng.normal(0, camera.misregistration_pixels, 2)),
        mismatch=camera.psf_mismatch * rng.normal(),
        saturation_dn=rng.uniform(*camera.saturation_dn),
    )


def expose(
    camera: Camera,
    exposure: Exposure,
    *,
    static: Scene,
    science: Scene,
    template: Scene,
    added: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Takes both images of a scene and subtracts them.

    Args:
        camera: Gain and point-spread function.
        exposure: Seeing, sky and alignment.
        static: What does not change.
        science: What is in the science image alone.
        template: What is in the template alone.
        added: DN that the detector itself adds to the science image, `(64, 64)`.
        rng: Source of the noise.

    Returns:
        `(63, 63, 3)`: science, template, difference.
    """
    beta = camera.moffat_beta
    sky = scene_transform(static)
    now = (sky + scene_transform(science)) * psf_transform(exposure.science_fwhm, beta)
    then = shifted(sky + scene_transform(template), *exposure.offset)
    then = then * psf_transform(exposure.template_fwhm, beta)
    images = []
    for transform, noise, extra in (
        (now, exposure.noise_dn, added),
        (then, exposure.template_noise_dn, 0.0),
    ):
        clean = image(transform) + extra
        share = (noise / exposure.noise_dn) ** 2
        variance = noise**2 + share * np.maximum(clean, 0) / camera.gain_electrons
        variance += (exposure.flat_error * clean) ** 2
        noisy = clean + rng.normal(size=clean.shape) * np.sqrt(variance)
        images.append(np.minimum(noisy, exposure.saturation_dn))
    difference = zogy(*images, exposure, beta)
    stack = np.stack([*(i + exposure.background_dn for i in images), difference], -1)
    return stack[: camera.pixels, : camera.pixels].astype("float32")


def zogy(science, template, exposure: Exposure, beta: float) -> np.ndarray:
    """The proper difference image, with white noise.

    With transforms S, T of the images, P_s, P_t of their point-spread functions and
    noises s, t: `D = (P_t S - P_s T) / sqrt(s^2 |P_t|^2 + t^2 |P_s|^2)`, here in DN.

    Reference:
        Zackay, Ofek and Gal-Yam 2016, ApJ 830, 27, equation 13.
    """
    assumed = exposure.science_fwhm * (1 + exposure.mismatch)
    now = pixel_psf_transform(assumed, beta)
    then = pixel_psf_transform(exposure.template_fwhm, beta)
    s, t = exposure.noise_dn, exposure.template_noise_dn
    top = then * np.fft.rfft2(science) - now * np.fft.rfft2(template)
    weight = np.sqrt(s**2 * np.abs(then) ** 2 + t**2 * np.abs(now) ** 2)
    return np.fft.irfft2(top / weight, (SIDE, SIDE)) * np.hypot(s, t)

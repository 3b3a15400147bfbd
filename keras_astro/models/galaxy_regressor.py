"""From a cutout, its PSF and noise level to the posterior of a galaxy's parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_astro.errors import ConfigError
from keras_astro.layers.box_mixture import BoxMixture, raw_width
from keras_astro.models.residual import residual_encoder
from keras_astro.models.xception import xception_encoder
from keras_astro.preprocessing.galaxies import (
    GaussianApertures,
    PointFold,
    SignalToNoise,
)
from keras_astro.preprocessing.images import AsinhStretch, CenterCrop

APERTURES = (2.0, 4.0, 8.0, 16.0)
# Signal to noise at which a posterior's correction is that of its sd alone, and the
# factor from there to where it is known no longer.
MIDDLE_SNR, SNR_FACTOR = 30.0, 3.0
FOLD_MARGIN = 4

# Brings inputs that are not images to order one, around the middle of their ranges.
FWHM = (0.75, 0.25)
LOG_NOISE = (5.6, 0.3)


# Side of the middle of a PSF image that is looked at, in pixels.
PSF_PIXELS = 24


def galaxy_inputs(
    image_shape: Sequence[int], *, psf: str = "fwhm"
) -> dict[str, keras.KerasTensor]:
    """The inputs of a galaxy model by name; `psf` is `fwhm` or `image`."""
    image = tuple(image_shape)
    star, shape = ("psf_image", image) if psf == "image" else ("psf_fwhm_arcsec", ())
    return {
        "image": keras.Input(image, name="image"),
        star: keras.Input(shape, name=star),
        "noise_sigma": keras.Input((), name="noise_sigma"),
    }


def stretched_image(
    inputs: dict[str, keras.KerasTensor],
    *,
    crop_pixels: int,
    softening: float,
    fold: bool,
):
    """The centre in electrons, and what a network looks at: folded and stretched."""
    crop = CenterCrop(crop_pixels, name="center_crop")(inputs["image"])
    x = SignalToNoise(name="signal_to_noise")([crop, inputs["noise_sigma"]])
    if fold:
        x = PointFold(FOLD_MARGIN, name="point_fold")(x)
    return crop, AsinhStretch(softening, name="asinh_stretch")(x)


def galaxy_network(
    image_shape: Sequence[int],
    *,
    crop_pixels: int,
    softening: float,
    fold: bool,
    filters: Sequence[int],
    hidden: int,
    parameters: int,
    components: int,
    flux_unit: float,
    network: str = "compact",
    psf: str = "fwhm",
    denoiser: keras.Model | None = None,
) -> keras.Model:
    """A compact convolutional network with the raw numbers of a mixture as output.

    Args:
        image_shape: `(y, x, band)` of the cutouts.
        crop_pixels: Side of the centre that is looked at.
        softening: Where the stretch turns logarithmic, in noise levels.
        fold: Whether galaxies are known to be centred, see `PointFold`.
        filters: Channels of the blocks; each but the first halves the resolution.
        hidden: Width of the dense layer.
        parameters: Number of parameters.
        components: Gaussians of the mixture.
        flux_unit: Typical flux.
        network: `compact`, `resnet` or `xception`.
        psf: Whether the PSF is given by its `fwhm` or as an `image`.
        denoiser: Between the stretched image and the convolutions.

    Returns:
        Inputs as in `galaxy_inputs`; output
        `(batch, raw_width(parameters, components))`.

    Raises:
        ConfigError: If there is no such network.
    """
    inputs = galaxy_inputs(image_shape, psf=psf)
    crop, x = stretched_image(
        inputs, crop_pixels=crop_pixels, softening=softening, fold=fold
    )
    if denoiser is not None:
        x = denoiser(x)
    known = layers.Concatenate(name="known")(
        [
            _star(inputs),
            _standard(keras.ops.log(inputs["noise_sigma"]), *LOG_NOISE, name="noise"),
        ]
    )
    x = _trunk(x, known, filters, network)
    sums = GaussianApertures(APERTURES, flux_unit, name="apertures")(crop)
    x = layers.Concatenate(name="features")([layers.Flatten()(x), sums, known])
    x = layers.Dense(hidden, activation="swish", name="hidden")(x)
    x = layers.Concatenate(name="with_sums")([x, sums, known])
    x = layers.Dense(hidden // 2, activation="swish", name="last_hidden")(x)
    x = layers.Concatenate(name="with_known")([x, sums, known])
    raw = layers.Dense(raw_width(parameters, components), name="raw")(x)
    return keras.Model(inputs, raw, name="galaxy_network")


def _trunk(x, known, filters: Sequence[int], network: str):
    if network == "compact":
        return conv_blocks(x, known, filters)
    options = {"filters": filters}
    if network == "resnet":
        return residual_encoder(x.shape[1:], 2 * filters[-1], **options)(x)
    if network == "xception":
        return xception_encoder(x.shape[1:], 2 * filters[-1], middle=1, **options)(x)
    raise ConfigError(
        f"model.network = {network}: expected compact, resnet or xception",
        hint="Use compact, which learns fastest on a processor.",
    )


def _star(inputs):
    """What is known of the PSF as a few numbers of order one."""
    if "psf_fwhm_arcsec" in inputs:
        return _standard(inputs["psf_fwhm_arcsec"], *FWHM, name="psf")
    x = CenterCrop(PSF_PIXELS, name="psf_crop")(inputs["psf_image"])
    x = layers.Flatten(name="psf_pixels")(x)
    # Of unit sum over the middle, whatever the star's flux; then pixels of order one.
    # A mean, because sums are named as the blocks' are where networks are built again.
    x = (10.0 / x.shape[1]) * x / keras.ops.mean(x, axis=1, keepdims=True)
    x = layers.Dense(16, activation="swish", name="psf_hidden")(x)
    return layers.Dense(4, name="psf")(x)


def conv_blocks(x, known, filters: Sequence[int]):
    """Convolutions at falling resolution; what is known shifts the channels."""
    for i, width in enumerate(filters):
        stride = {"kernel_size": 5} if i == 0 else {"kernel_size": 3}
        x = layers.Conv2D(width, strides=2, padding="same", name=f"down_{i}", **stride)(
            x
        )
        shift = layers.Dense(width, name=f"shift_{i}")(known)
        x = layers.Add(name=f"shifted_{i}")(
            [x, layers.Reshape((1, 1, width), name=f"spread_{i}")(shift)]
        )
        x = layers.Activation("swish", name=f"bent_{i}")(x)
        if i:
            y = layers.Conv2D(
                width, 3, padding="same", activation="swish", name=f"conv_{i}"
            )(x)
            x = layers.Add(name=f"sum_{i}")([x, y])
    return x


def galaxy_posterior(
    network: keras.Model,
    names: Sequence[str],
    low: Sequence[float],
    high: Sequence[float],
    *,
    components: int,
    flux_unit: float,
) -> keras.Model:
    """The full model: the network's mixture as named means, errors and quantiles.

    Args:
        network: As `galaxy_network` makes it.
        names: Of the parameters.
        low: Their lower limits.
        high: Their upper limits.
        components: Gaussians of the mixture.
        flux_unit: That of the network.

    Returns:
        The inputs of the network; outputs as in `endpoints`.
    """
    level = noise_level(network, flux_unit)
    conditions = layers.Concatenate(name="conditions")([level, level**2])
    posterior = BoxMixture(
        low, high, components, conditions=conditions.shape[-1], name="posterior"
    )([network.output, conditions])
    outputs = {}
    for i, name in enumerate(names):
        outputs[name] = posterior["mean"][:, i]
        outputs[f"{name}_sd"] = keras.ops.sqrt(posterior["covariance"][:, i, i])
        outputs[f"{name}_quantiles"] = posterior["quantiles"][:, i]
    size = len(names)
    # The lower triangle, row by row: a table has no room for matrices.
    outputs["covariance"] = keras.ops.concatenate(
        [posterior["covariance"][:, i, : i + 1] for i in range(size)], axis=-1
    )
    outputs |= {f"mixture_{k}": posterior[k] for k in ("weight", "location", "scale")}
    return keras.Model(network.input, outputs, name="galaxy_posterior")


def noise_level(network: keras.Model, flux_unit: float):
    """Logarithm of the signal to noise of a galaxy's middle, from -1 to 1.

    The signal is the sum in the smallest Gaussian window, which holds most of what can
    be told from noise; the sum of squares of a window of sd s is pi s^2.

    Args:
        network: As `galaxy_network` makes it.
        flux_unit: That of the network.

    Returns:
        `(batch, 1)`.
    """
    sums = network.get_layer("apertures").output[:, :1]
    noise = keras.ops.expand_dims(network.input["noise_sigma"], -1)
    unit = flux_unit / (math.sqrt(math.pi) * APERTURES[0])
    ratio = keras.ops.maximum(unit / MIDDLE_SNR * sums / noise, 1 / SNR_FACTOR)
    level = keras.ops.log(ratio) / math.log(SNR_FACTOR)
    return keras.ops.minimum(level, 1.0)


def endpoints(model: keras.Model) -> dict[str, keras.Model]:
    """The signatures: `predict` for tables, `posterior` for the whole distribution."""
    outputs = model.output
    table = {k: v for k, v in outputs.items() if not k.startswith("mixture_")}
    inputs = model.input
    return {
        "predict": keras.Model(inputs, table, name="predict"),
        "posterior": keras.Model(
            inputs,
            {k: v for k, v in outputs.items() if k.startswith("mixture_")},
            name="posterior",
        ),
    }


def _standard(values, middle: float, width: float, *, name: str):
    column = layers.Reshape((1,), name=f"{name}_column")(values)
    return layers.Rescaling(1 / width, -middle / width, name=f"{name}_known")(column)

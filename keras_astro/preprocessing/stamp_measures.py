"""What an astronomer measures on an alert's stamps: light, shape, neighbours."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_astro.preprocessing.images import asinh
from keras_astro.preprocessing.stamps import (
    DIFFERENCE,
    SCIENCE,
    TEMPLATE,
    pixels_last,
)
from keras_astro.registry import register

# Radii in pixels of discs, and of discs and rings.
DISCS = (1.5, 2.5, 4.0, 6.0)
RADII = (*DISCS, 9.0, 14.0)
# Which of them is wide enough for a star's light.
STAR = 1
# Radii in pixels within which shape, peak and trough are looked for.
SHAPE, CORE, PEAK, TROUGH = 4.0, 1.5, 2.0, 6.0
# Pixels below count as negative, blocks above as bright; in units of their noise.
NEGATIVE, BRIGHT = -4.0, 4.0
# Side of a block in pixels; the distance that stands for no neighbour.
BLOCK, NOWHERE = 3, 45.0
# Columns of `StampMeasures`.
MEASURES = 63


@register()
class StampMeasures(keras.layers.Layer):
    """Photometry of the source in the middle of a stamp, its shape and its neighbours.

    Convolutions trained on simulations alone rely on how their pixels look; these
    numbers hold on real stamps too. The template counts in its own noise as well, which
    is a fifth of the others': a host that it shows at three sigma tells a supernova
    from an asteroid, and is nothing beside the noise of a single exposure.

    Columns, mostly of each of the three images and as asinh of the ratio to the noise:
    light within four radii, in the noise of the difference, the template's again in its
    own, and light in four rings; how the light in the middle changed, in the noise of
    the difference, and the share of the difference in it; offset, size, ellipticity and
    concentration of the positive light; brightest and lowest pixel, and how many pixels
    are negative; how many blocks are bright, how many of these are peaks, and how far
    away the nearest peak and the nearest but the source are. Of light, what is known
    counts, in the noise of as many pixels. On stamps of an odd side none changes when
    the stamp is turned.

    Input shape: values and validity as of `ValidPixels`, each `(batch, y, x, 3)`,
        square; sky and noise as of `SkyStatistics`, each `(batch, 1, 1, 3)`.
    Output shape: `(batch, MEASURES)`.

    Example:
        >>> stamps, sky = ops.zeros((1, 63, 63, 3)), ops.zeros((1, 1, 1, 3))
        >>> StampMeasures()([stamps, stamps + 1, sky, sky + 1]).shape
        TensorShape([1, 63])
    """

    def call(self, inputs):
        values, valid, sky, noise = inputs
        radius, place, y, x = _around_the_middle(values.shape[1])
        # Small runtimes sum and broadcast along the last axis at half the cost.
        pixels, known = (pixels_last(tensor, place) for tensor in (values, valid))
        sky, noise = (ops.reshape(tensor, (-1, 3, 1)) for tensor in (sky, noise))
        image = pixels - sky * known
        found = [
            *_light(image, known, noise, radius),
            *_shape(image, noise, radius, y, x),
            *_levels(image, noise, radius),
            *_neighbours(values, valid, sky, noise),
        ]
        return ops.concatenate([column[..., 0] for column in found], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], MEASURES)


def radius_map(side: int) -> np.ndarray:
    """Distance of each pixel from the one in the middle of a stamp, `(y, x)`.

    Of an even side it is the one before the centre, where readers put the source.

    Example:
        >>> radius_map(4)[1].tolist()
        [1.0, 0.0, 1.0, 2.0]
    """
    along = np.arange(side) - (side - 1) // 2
    return np.hypot(along[:, None], along[None]).astype("float32")


def _around_the_middle(side: int) -> tuple[np.ndarray, ...]:
    """Pixels of the largest disc from the middle outwards: radius, number, y and x."""
    radius = radius_map(side).ravel()
    order = np.argsort(radius, kind="stable")
    order = order[radius[order] <= RADII[-1]]
    y, x = (place - (side - 1) // 2 for place in np.divmod(order, side))
    return radius[order], order, y, x


def _light(image, known, noise, radius) -> list:
    """Of discs and rings, and how it changed."""
    ends = [int(np.sum(radius <= reach)) for reach in RADII]
    rings, pixels = (
        [
            ops.sum(tensor[..., first:last], axis=-1, keepdims=True)
            for first, last in zip([0, *ends[:-1]], ends, strict=True)
        ]
        for tensor in (image, known)
    )
    unit, own = noise[:, DIFFERENCE:], noise[:, TEMPLATE:DIFFERENCE]
    found, light, count = [], 0.0, 0.0
    for i in range(len(DISCS)):
        light, count = light + rings[i], count + pixels[i]
        root = ops.sqrt(ops.maximum(count, 1.0))
        seen = light / root
        found.append(asinh(seen / unit))
        found.append(asinh(seen[:, TEMPLATE:DIFFERENCE] / own))
        if i == STAR:
            star = seen
    for ring, number in zip(rings[2:], pixels[2:], strict=True):
        root = ops.sqrt(ops.maximum(number, 1.0))
        found.append(asinh(ring / (noise * root)))
    science, template = star[:, SCIENCE:TEMPLATE], star[:, TEMPLATE:DIFFERENCE]
    difference = star[:, DIFFERENCE:]
    whole = ops.abs(template) + ops.abs(difference) + unit
    return [*found, asinh((science - template) / unit), difference / whole]


def _shape(image, noise, radius, y, x) -> list:
    """Moments of the positive light."""
    near = int(np.sum(radius <= SHAPE))
    y, x = y[:near], x[:near]
    powers = [np.ones(near), x, y, x * x, y * y, x * y, radius[:near] <= CORE]
    weights = ops.cast(np.stack(powers, axis=1).astype("float32"), image.dtype)
    sums = ops.matmul(ops.relu(image[..., :near]), weights)
    whole, mx, my, mxx, myy, mxy, core = ops.split(sums, len(powers), axis=-1)
    light = whole + 1e-3 * noise
    mx, my = mx / light, my / light
    xx, yy, xy = mxx / light - mx * mx, myy / light - my * my, mxy / light - mx * my
    square = ops.relu(xx + yy)
    stretch = ops.sqrt(ops.square(xx - yy) + 4.0 * ops.square(xy))
    return [
        ops.sqrt(mx * mx + my * my),
        ops.sqrt(square),
        stretch / (square + 1e-3),
        ops.log((core + noise) / (whole + noise)),
    ]


def _levels(image, noise, radius) -> list:
    """Of the brightest and the lowest pixel, and the number of negative ones."""
    peak, trough = (image[..., : np.sum(radius <= r)] for r in (PEAK, TROUGH))
    negative = ops.cast(trough < NEGATIVE * noise, image.dtype)
    return [
        asinh(ops.max(peak, axis=-1, keepdims=True) / noise),
        asinh(ops.min(trough, axis=-1, keepdims=True) / noise),
        ops.log(1.0 + ops.sum(negative, axis=-1, keepdims=True)),
    ]


def _neighbours(values, valid, sky, noise) -> list:
    """Bright blocks of pixels: how many, how many peaks among them, and how far."""
    # As many as fit around the block whose middle is the middle of the stamp.
    middle = (values.shape[1] - 1) // 2
    beside = (middle - 1) // BLOCK
    blocks, first = 2 * beside + 1, middle - 1 - BLOCK * beside
    if blocks * BLOCK < values.shape[1]:
        whole = slice(first, first + blocks * BLOCK)
        values, valid = values[:, whole, whole], valid[:, whole, whole]
    mean, share = (ops.average_pool(x, BLOCK, BLOCK) for x in (values, valid))
    mean = mean - ops.reshape(sky, (-1, 1, 1, 3)) * share
    around = pixels_last(ops.max_pool(mean, 3, 1, padding="same"))
    mean = pixels_last(mean)
    bright = ops.cast(mean > BRIGHT / BLOCK * noise, mean.dtype)
    peaks = ops.cast(mean >= around, mean.dtype) * bright
    distance = BLOCK * radius_map(blocks).ravel()
    # What touches the block in the middle is the source itself.
    other = (distance > 1.5 * BLOCK).astype("float32")
    nearer = NOWHERE - distance
    return [
        ops.log(1.0 + ops.sum(bright * other, axis=-1, keepdims=True)),
        ops.log(1.0 + ops.sum(peaks, axis=-1, keepdims=True)),
        NOWHERE - ops.max(peaks * nearer, axis=-1, keepdims=True),
        NOWHERE - ops.max(peaks * (other * nearer), axis=-1, keepdims=True),
    ]

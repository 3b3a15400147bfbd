"""Examples of the classes that galaxies need."""

from harness import LOSS, TRAINING_ONLY, Example

from keras_astro.layers.box_mixture import BoxMixture, raw_width
from keras_astro.losses.box_mixture import BoxMixtureLoss
from keras_astro.models.rendered import RenderedResidual
from keras_astro.preprocessing.galaxies import (
    GaussianApertures,
    PointFold,
    SignalToNoise,
)

IMAGE = (8, 8, 2)
LOW, HIGH = [-1.0, 10.0], [1.0, 30.0]


def positive(shape, rng):
    return rng.uniform(0.5, 2.0, shape)


def within_and_raw(shape, rng):
    """Truths within the box, or raw outputs."""
    if shape[1:] == (2,):
        return rng.uniform(LOW, HIGH, shape)
    return 0.5 * rng.normal(size=shape)


def raw_and_image(shape, rng):
    """Raw outputs, an image, or a FWHM and a noise level near 1."""
    return (
        0.3 * rng.normal(size=shape) if len(shape) > 1 else rng.uniform(0.6, 1, shape)
    )


BOX = [1.0, 0.5, 0.1, -0.6, -0.6], [9.0, 6.0, 0.6, 0.6, 0.6]

EXAMPLES = {
    "RenderedResidual": Example(
        lambda _: RenderedResidual(*BOX, components=1),
        [(raw_width(5, 1),), (16, 16, 1), (), ()],
        draw=raw_and_image,
        exempt=TRAINING_ONLY
        | {
            "odd_sizes": "the renderer draws even sides",
            "half": "the renderer computes in single precision",
        },
    ),
    "SignalToNoise": Example(
        lambda _: SignalToNoise(), [IMAGE, ()], ([(7, 9, 1), ()],), draw=positive
    ),
    "PointFold": Example(lambda _: PointFold(1), IMAGE, ((6, 9, 1),)),
    "GaussianApertures": Example(
        lambda _: GaussianApertures([1.0, 3.0]), IMAGE, ((7, 9, 1),)
    ),
    "BoxMixture": Example(
        lambda _: BoxMixture(LOW, HIGH, 2, nodes=16),
        (raw_width(2, 2),),
        draw=lambda shape, rng: 0.5 * rng.normal(size=shape),
        exempt={"odd_sizes": "the width follows from the limits"},
    ),
    "BoxMixtureLoss": Example(
        lambda _: BoxMixtureLoss(LOW, HIGH, 2),
        [(2,), (raw_width(2, 2),)],
        draw=within_and_raw,
        exempt=LOSS | {"odd_sizes": "the width follows from the limits"},
    ),
}

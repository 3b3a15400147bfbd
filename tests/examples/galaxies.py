"""Examples of the classes that galaxies need."""

from harness import LOSS, Example

from keras_astro.layers.box_mixture import BoxMixture, raw_width
from keras_astro.losses.box_mixture import BoxMixtureLoss
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


EXAMPLES = {
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

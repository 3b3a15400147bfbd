"""Examples of the layers and losses on spectra."""

import numpy as np
from harness import LOSS, Example

from keras_astro.layers.absorption import Absorption, WeightedMeanSquare
from keras_astro.layers.active import ActivePixels
from keras_astro.layers.blocks import BlockMean
from keras_astro.layers.free_codes import FreeCodes
from keras_astro.layers.known_codes import KnownCodes
from keras_astro.layers.shift import RestSample, SplineShift
from keras_astro.layers.voigt import VoigtAbsorption
from keras_astro.losses.spectrum import SpectrumError

ROW, ODD = (8,), (5,)
LYMAN_ALPHA = (1215.67, 0.4164, 6.265e8, 1.008, 0)


def small(shape, rng):
    return 0.1 * rng.normal(size=shape)


def gas(shape, rng):
    """Velocity, width, temperature and columns of ordinary gas."""
    centre = np.concatenate([[0.0, 1.3, 4.5], np.full(shape[-1] - 3, 13.5)])
    return centre + 0.1 * rng.normal(size=shape)


def blocks(pixels):
    """Means of pairs, and of the pixel that is left over."""
    layer = BlockMean(pixels, -(-pixels // 2), 2)
    first = np.arange(0, pixels, 2)
    layer.set_blocks(first, np.minimum(2, pixels - first))
    return layer


EXAMPLES = {
    "Absorption": Example(
        lambda _: Absorption(),
        [ROW] * 3,
        ([ODD] * 3,),
        exempt={"gradient": "errors and masks choose and have no slope"},
    ),
    "WeightedMeanSquare": Example(
        lambda _: WeightedMeanSquare(),
        [ROW] * 3,
        ([ODD] * 3,),
        draw=lambda shape, rng: rng.uniform(0.1, 2.0, shape),
    ),
    "ActivePixels": Example(lambda shape: ActivePixels(shape[0], 3), ROW, (ODD,)),
    "BlockMean": Example(lambda shape: blocks(shape[0]), ROW, (ODD,)),
    "FreeCodes": Example(
        lambda _: FreeCodes(7, 2.0),
        [(4,), (1,)],
        ([(3,), (1,)],),
        draw=lambda shape, rng: rng.integers(0, 9, shape),
        exempt={
            "half": "gradients of picked rows are sparse",
            "tflite": "codes of training rows are in no exported model",
        },
    ),
    "KnownCodes": Example(lambda shape: KnownCodes(3, shape[0]), ROW, (ODD,)),
    "RestSample": Example(
        lambda shapes: RestSample(shapes[0][0]),
        [ROW, (1,)],
        ([ODD, (1,)],),
        draw=small,
        exempt={"gradient": "runs of one pixel, as here, have no slope"},
    ),
    "SplineShift": Example(
        lambda shapes: SplineShift(5, shapes[0][0], 8.0),
        [(30,), (1,)],
        ([(13,), (1,)],),
        draw=small,
    ),
    "VoigtAbsorption": Example(
        lambda _: VoigtAbsorption([LYMAN_ALPHA], [(2, 12)], 12, [(4, 0, 12)]),
        (4,),
        ((6,),),
        draw=gas,
    ),
    "SpectrumError": Example(
        lambda _: SpectrumError(0.5), [ROW, ROW], ([ODD, ODD],), exempt=LOSS
    ),
}

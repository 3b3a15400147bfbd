"""Examples of what heads, ensembles and transfer need."""

from harness import LOSS, Example

from keras_astro.layers.interpolation import LinearResize
from keras_astro.layers.pooling import AttentionPooling1D, MaskedMean1D
from keras_astro.layers.predictive import PredictiveMoments
from keras_astro.layers.pretraining import PretrainingRecord
from keras_astro.layers.temperature import TemperatureScaling
from keras_astro.losses.predictive import (
    CovarianceNegativeLogLikelihood,
    MixtureNegativeLogLikelihood,
)


def means_and_errors(shape, rng):
    return rng.uniform(0.5, 2.0, shape)


EXAMPLES = {
    "LinearResize": Example(
        lambda shape: LinearResize([9, 7][: len(shape) - 1]),
        (5, 4, 3),
        ((4, 1), (9, 11, 2), (1, 1, 1)),
    ),
    "AttentionPooling1D": Example(
        lambda _: AttentionPooling1D(), (9, 4), ((1, 2), (7, 6))
    ),
    "MaskedMean1D": Example(
        lambda _: MaskedMean1D(),
        [(5, 3), (5,)],
        ([(1, 1), (1,)],),
        draw=means_and_errors,
    ),
    "TemperatureScaling": Example(lambda _: TemperatureScaling(), (4,), ((2,), (7,))),
    "PredictiveMoments": Example(
        lambda _: PredictiveMoments("mixture", 2, 3),
        (15,),
        exempt={
            "odd_sizes": "the number of raw outputs follows from the options",
        },
    ),
    "PretrainingRecord": Example(lambda _: PretrainingRecord(), (4,), ((3, 5, 1),)),
    "CovarianceNegativeLogLikelihood": Example(
        lambda _: CovarianceNegativeLogLikelihood(),
        [(3,), (9,)],
        ([(1,), (2,)], [(2,), (5,)]),
        exempt=LOSS,
    ),
    "MixtureNegativeLogLikelihood": Example(
        lambda _: MixtureNegativeLogLikelihood(2),
        [(3,), (14,)],
        ([(1,), (6,)],),
        exempt=LOSS,
    ),
}

"""Examples of the layers of the alerts case."""

from harness import TRAINING_ONLY, Example

from keras_astro.layers.alert_times import StepTimes
from keras_astro.layers.classes import (
    BoundedSize,
    BoundedStandardise,
    Decision,
    KnownFeatures,
    Standardise,
)
from keras_astro.layers.residual import ReconstructionPenalty, SquareMean
from keras_astro.preprocessing.stamp_measures import StampMeasures
from keras_astro.preprocessing.stamps import (
    RandomTurns,
    ScaleStamps,
    SkyStatistics,
    StampScale,
    StretchStamps,
    Turn,
    ValidPixels,
)

STAMP, SKY = (9, 9, 3), (1, 1, 3)
ODD_STAMP = (7, 7, 3)


def positive(shape, rng):
    return rng.uniform(0.1, 2.0, shape)


EXAMPLES = {
    "ValidPixels": Example(lambda _: ValidPixels(), STAMP, (ODD_STAMP, (5, 6, 1))),
    "StampScale": Example(
        lambda _: StampScale("l2"),
        [STAMP, STAMP, SKY, SKY],
        ([ODD_STAMP, ODD_STAMP, SKY, SKY],),
        exempt={"gradient": "its second input says which pixels count"},
    ),
    "SkyStatistics": Example(
        lambda _: SkyStatistics(),
        [STAMP, STAMP],
        ([ODD_STAMP] * 2,),
        draw=positive,
        exempt={"gradient": "its second input says which pixels count"},
    ),
    "StampMeasures": Example(
        lambda _: StampMeasures(),
        [(21, 21, 3), (21, 21, 3), SKY, SKY],
        ([(30, 30, 3), (30, 30, 3), SKY, SKY],),
        draw=positive,
        exempt={
            "gradient": "its second input says which pixels count",
            "half": "counts jump where a pixel is rounded over a level",
        },
    ),
    "ScaleStamps": Example(
        lambda _: ScaleStamps(),
        [STAMP, STAMP, SKY, SKY],
        ([ODD_STAMP, ODD_STAMP, SKY, SKY],),
        draw=positive,
    ),
    "StretchStamps": Example(lambda _: StretchStamps(3.0), STAMP, (ODD_STAMP, (4,))),
    "Turn": Example(lambda _: Turn(5), STAMP, (ODD_STAMP,)),
    "RandomTurns": Example(
        lambda _: RandomTurns(seed=1), STAMP, (ODD_STAMP,), exempt=TRAINING_ONLY
    ),
    "StepTimes": Example(
        lambda _: StepTimes(),
        [(4,), (4,)],
        ([(1,)] * 2, [(7,)] * 2),
        draw=positive,
        exempt={"gradient": "its second input is the number of a filter"},
    ),
    "Standardise": Example(lambda _: Standardise(), (5,), ((1,), (7,))),
    "BoundedStandardise": Example(lambda _: BoundedStandardise(), (5,), ((1,), (7,))),
    "BoundedSize": Example(lambda _: BoundedSize(), (5,), ((1,), (7,))),
    "KnownFeatures": Example(lambda _: KnownFeatures(), (5,), ((1,), (7,))),
    "Decision": Example(
        lambda _: Decision(0.5),
        (5,),
        ((2,),),
        draw=positive,
        exempt={"half": "a choice jumps where two numbers are rounded to one"},
    ),
    "ReconstructionPenalty": Example(
        lambda _: ReconstructionPenalty(2.0),
        [STAMP, STAMP],
        ([ODD_STAMP] * 2,),
        exempt=TRAINING_ONLY,
    ),
    "SquareMean": Example(lambda _: SquareMean(), (5,), ((1,), (7,))),
}

"""Examples of the layers and losses of the stellar case."""

from harness import LOSS, Example

from keras_astro.layers.domain import (
    LabelExtent,
    LatentDistance,
    ReconstructionResidual,
    ResidualLevel,
)
from keras_astro.layers.ensemble import (
    ConformalBounds,
    EnsembleMixture,
    EnsembleNegativeLogLikelihood,
)
from keras_astro.preprocessing.continuum import FillBadPixels, PseudoContinuum

THREE = [(40,)] * 3
ODD_THREE = [(37,)] * 3


def positive(shape, rng):
    return rng.uniform(0.1, 2.0, shape)


EXAMPLES = {
    "FillBadPixels": Example(
        lambda _: FillBadPixels(5),
        THREE,
        (ODD_THREE,),
        draw=positive,
        exempt={"gradient": "weights and masks only decide which pixels count"},
    ),
    "PseudoContinuum": Example(
        lambda _: PseudoContinuum(6, 3), (40,), ((37,),), draw=positive
    ),
    "ResidualLevel": Example(lambda _: ResidualLevel(), THREE, (ODD_THREE,), positive),
    "ReconstructionResidual": Example(
        lambda _: ReconstructionResidual(), THREE, (ODD_THREE,), draw=positive
    ),
    "LatentDistance": Example(lambda shape: LatentDistance(shape[0]), (3,), ((1,),)),
    "LabelExtent": Example(lambda shape: LabelExtent(shape[0]), (4,), ((1,),)),
    "EnsembleMixture": Example(
        lambda shape: EnsembleMixture(2, shape[0] // 4), (12,), ((4,), (20,))
    ),
    "ConformalBounds": Example(
        lambda shapes: ConformalBounds(shapes[0][0]), [(3,), (3,)], ([(1,), (1,)],)
    ),
    "EnsembleNegativeLogLikelihood": Example(
        lambda _: EnsembleNegativeLogLikelihood(2),
        [(3,), (12,)],
        ([(1,), (4,)],),
        exempt=LOSS,
    ),
}
